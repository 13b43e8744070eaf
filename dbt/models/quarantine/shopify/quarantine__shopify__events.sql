-- Grain: one row per delivered row of shopify events that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['shopify.events']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_shopify__events'), ref('stg_shopify__events'), ['event_id']) }}
)

select * from not_staged
