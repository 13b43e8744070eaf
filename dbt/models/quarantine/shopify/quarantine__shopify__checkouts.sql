-- Grain: one row per delivered row of shopify checkouts that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['shopify.checkouts']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_shopify__checkouts'), ref('stg_shopify__checkouts'), ['checkout_id']) }}
)

select * from not_staged
