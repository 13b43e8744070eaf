-- Grain: one row per event of a ticket's clocks, in its newest good version.
{{ config(materialized='incremental', unique_key='event_id', meta={'loads': ['zendesk.ticket_metric_events']}) }}
{%- set columns = [
    'event_id', 'ticket_id', 'metric', 'instance_id', 'event_type', 'calendar_minutes', 'is_deleted', 'occurred_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__ticket_metric_events'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__ticket_metric_events'), ['event_id'], columns) }}
)

select * from newest_versions
