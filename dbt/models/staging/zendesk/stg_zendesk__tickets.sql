-- Grain: one row per ticket, in its newest good version.
{{ config(materialized='incremental', unique_key='ticket_id', meta={'loads': ['zendesk.tickets']}) }}
{%- set columns = [
    'ticket_id', 'requester_id', 'organization_id', 'subject', 'category', 'channel', 'status', 'priority', 'order_name',
    'nps_score', 'tags', 'created_at', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__tickets'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__tickets'), ['ticket_id'], columns) }}
)

select * from newest_versions
