-- Grain: one row per delivered row of shopify inventory_levels that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['shopify.inventory_levels']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_shopify__inventory_levels'), ref('stg_shopify__inventory_levels'), ['inventory_item_id', 'location_id']
    ) }}
)

select * from not_staged
