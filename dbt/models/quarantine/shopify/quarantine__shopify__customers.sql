-- Grain: one row per delivered row of shopify customers that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['shopify.customers']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_shopify__customers'), ref('stg_shopify__customers'), ['customer_id_shopify']) }}
)

select * from not_staged
