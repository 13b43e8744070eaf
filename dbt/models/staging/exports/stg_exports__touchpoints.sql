-- Grain: one row per touchpoint of a mapped export, as last delivered.
{{ config(
    materialized='incremental',
    unique_key=['system', 'touchpoint_id'],
    meta={'loads': ['*.touchpoints']},
) }}
{%- set key = ['system', 'touchpoint_id'] %}
{%- set columns = [
    'source_system', 'system', 'touchpoint_id', 'record_type', 'source_record_id', 'phone', 'device_id',
    'click_id', 'click_id_type', 'touchpoint_type', 'channel', 'campaign', 'utm_source', 'utm_medium', 'path',
    'occurred_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(
        ref('base_exports__touchpoints'),
        columns,
        rechecked_rule='occurred_in_the_future',
        by_time=true
    ) }}
),

judged as (
    {{ judged_by_the_as_of('rows_to_judge', 'occurred_at') }}
),

newest_versions as (
    {{ newest_versions('judged', ref('base_exports__touchpoints'), key, columns) }}
)

select * from newest_versions
