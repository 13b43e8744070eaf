-- Grain: one row per variant of a web shop product's newest good version.
{{ config(materialized='incremental', unique_key='product_id', meta={'loads': ['shopify.products']}) }}
{%- set columns = [
    'variant_id', 'product_id', 'inventory_item_id', 'sku', 'product_name', 'category', 'vendor', 'unit_price', 'status',
    'updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_shopify__products'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_shopify__products'), ['product_id'], columns) }}
)

select * from newest_versions
