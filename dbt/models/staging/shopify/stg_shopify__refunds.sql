-- Grain: one row per refund of a web shop order's newest good version.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_children',
    unique_key='refund_id',
    meta={'loads': ['shopify.orders'], 'parent': 'stg_shopify__orders', 'parent_key': 'order_id'},
) }}

with orders as (
    select *
    from {{ ref('stg_shopify__orders') }}
    where {{ is_changed() }}
),

refunds as (
    select *
    from {{ ref('base_shopify__refunds') }}
    where _broken_rule is null and {{ in_loads_of_changed(ref('stg_shopify__orders')) }}
),

of_newest_version as (
    select
        refunds.refund_id,
        refunds.order_id,
        refunds.refunded_at,
        refunds.amount,
        refunds.currency,
        refunds.gateway,
        refunds.note,
        orders._staged_load_id,
        refunds._load_id,
        refunds._loaded_at
    from refunds
    inner join orders on refunds._load_id = orders._load_id and refunds._row_number = orders._row_number
)

select * from of_newest_version
