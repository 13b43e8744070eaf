-- Grain: one row per deletion that the web shop tells of, in its newest good version.
{{ config(materialized='incremental', unique_key='event_id', meta={'loads': ['shopify.events']}) }}
{%- set columns = [
    'event_id', 'subject_type', 'subject_id', 'verb', 'occurred_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_shopify__events'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_shopify__events'), ['event_id'], columns) }}
)

select * from newest_versions
