-- Grain: one row per article and location of the web shop, in its newest good version.
{{ config(
    materialized='incremental',
    unique_key=['inventory_item_id', 'location_id'],
    meta={'loads': ['shopify.inventory_levels']}
) }}
{%- set columns = [
    'inventory_item_id', 'location_id', 'available_quantity', 'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_shopify__inventory_levels'), columns) }}
),

newest_versions as (
    {{ newest_versions(
        'rows_to_judge', ref('base_shopify__inventory_levels'), ['inventory_item_id', 'location_id'], columns
    ) }}
)

select * from newest_versions
