-- Grain: one row per message and thing that happened to it.
{{ config(
    materialized='incremental',
    unique_key=['system', 'message_id', 'event', 'occurred_at'],
    meta={'loads': ['*.messages']},
) }}
{%- set key = ['system', 'message_id', 'event', 'occurred_at'] %}
{%- set columns = [
    'source_system', 'system', 'message_id', 'event', 'record_type', 'source_record_id', 'phone', 'channel',
    'campaign', 'template', 'occurred_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_exports__messages'), columns, rechecked_rule='occurred_in_the_future', by_time=true) }}
),

judged as (
    {{ judged_by_the_as_of('rows_to_judge', 'occurred_at') }}
),

newest_versions as (
    {{ newest_versions('judged', ref('base_exports__messages'), key, columns) }}
)

select * from newest_versions
