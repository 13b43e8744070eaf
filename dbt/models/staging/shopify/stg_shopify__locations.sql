-- Grain: one row per location of the web shop, in its newest good version.
{{ config(materialized='incremental', unique_key='location_id', meta={'loads': ['shopify.locations']}) }}
{%- set columns = [
    'location_id', 'location_name', 'city', 'province', 'country', 'is_active', 'is_legacy', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_shopify__locations'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_shopify__locations'), ['location_id'], columns) }}
)

select * from newest_versions
