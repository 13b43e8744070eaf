-- Grain: one row per delivered row of shopify orders that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['shopify.orders']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_shopify__orders'), ref('stg_shopify__orders'), ['order_id']) }}
)

select * from not_staged
