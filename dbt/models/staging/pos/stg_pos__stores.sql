-- Grain: one row per store, in its newest good version.
{{ config(materialized='incremental', unique_key='store_id', meta={'loads': ['pos.stores']}) }}
{%- set columns = [
    'store_id', 'store_name', 'city', 'country', 'timezone', 'currency', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_pos__stores'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_pos__stores'), ['store_id'], columns) }}
)

select * from newest_versions
