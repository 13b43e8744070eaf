-- Grain: one row per delivered row of shopify locations that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['shopify.locations']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_shopify__locations'), ref('stg_shopify__locations'), ['location_id']) }}
)

select * from not_staged
