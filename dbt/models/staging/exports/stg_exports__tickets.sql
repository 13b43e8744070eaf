-- Grain: one row per ticket of a mapped export, as last delivered.
{{ config(
    materialized='incremental',
    unique_key=['system', 'ticket_id'],
    meta={'loads': ['*.tickets']},
) }}
{%- set key = ['system', 'ticket_id'] %}
{%- set columns = [
    'source_system', 'system', 'ticket_id', 'record_type', 'source_record_id', 'full_name', 'phone',
    'order_name', 'channel', 'category', 'status', 'csat_score', 'nps_score', 'replies', 'reopens',
    'wait_seconds', 'talk_seconds', 'created_at', 'first_replied_at', 'solved_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_exports__tickets'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_exports__tickets'), key, columns) }}
)

select * from newest_versions
