-- Grain: one row per ticket, with the newest good version of its metrics.
{{ config(materialized='incremental', unique_key='ticket_id', meta={'loads': ['zendesk.ticket_metrics']}) }}
{%- set columns = [
    'ticket_id', 'first_replied_at', 'solved_at', 'reopens', 'replies', 'full_resolution_minutes', 'reply_business_minutes',
    'full_resolution_business_minutes', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__ticket_metrics'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__ticket_metrics'), ['ticket_id'], columns) }}
)

select * from newest_versions
