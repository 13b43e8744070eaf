-- Grain: one row per delivered row of shopify products that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['shopify.products']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_shopify__products'), ref('stg_shopify__products'), ['product_id']) }}
)

select * from not_staged
