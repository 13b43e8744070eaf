-- Grain: one row per delivered row of shopify transactions that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['shopify.transactions']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_shopify__transactions'), ref('stg_shopify__transactions'), ['transaction_id']) }}
)

select * from not_staged
