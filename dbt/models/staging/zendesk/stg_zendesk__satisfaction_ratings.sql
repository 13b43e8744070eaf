-- Grain: one row per satisfaction rating, in its newest good version.
{{ config(materialized='incremental', unique_key='rating_id', meta={'loads': ['zendesk.satisfaction_ratings']}) }}
{%- set columns = [
    'rating_id', 'ticket_id', 'score_text', 'csat_score', 'rated_at', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__satisfaction_ratings'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__satisfaction_ratings'), ['rating_id'], columns) }}
)

select * from newest_versions
