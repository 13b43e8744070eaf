-- Grain: one row per ticket in the service desk's bin, in its newest good version.
{{ config(materialized='incremental', unique_key='ticket_id', meta={'loads': ['zendesk.deleted_tickets']}) }}
{%- set columns = [
    'ticket_id', 'previous_status', 'deleted_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__deleted_tickets'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__deleted_tickets'), ['ticket_id'], columns) }}
)

select * from newest_versions
