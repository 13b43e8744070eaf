-- Grain: one row per call of the service desk, in its newest good version.
{{ config(materialized='incremental', unique_key='call_id', meta={'loads': ['zendesk.calls']}) }}
{%- set columns = [
    'call_id', 'ticket_id', 'customer_id_zendesk', 'agent_id', 'direction', 'completion_status', 'duration_seconds',
    'talk_seconds', 'wait_seconds', 'answer_seconds', 'created_at', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__calls'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__calls'), ['call_id'], columns) }}
)

select * from newest_versions
