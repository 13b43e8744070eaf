-- Grain: one row per leg of a call, in its newest good version.
{{ config(materialized='incremental', unique_key='leg_id', meta={'loads': ['zendesk.legs']}) }}
{%- set columns = [
    'leg_id', 'call_id', 'agent_id', 'leg_type', 'completion_status', 'duration_seconds', 'talk_seconds',
    'created_at', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_zendesk__legs'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_zendesk__legs'), ['leg_id'], columns) }}
)

select * from newest_versions
