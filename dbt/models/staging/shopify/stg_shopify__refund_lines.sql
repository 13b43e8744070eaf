-- Grain: one row per order line that a refund of a web shop order's newest good version takes back.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_children',
    unique_key=['refund_id', 'line_id'],
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

refunded_items as (
    select
        refunds.refund_id,
        refunds.order_id,
        {{ json_text('items.item', '$.line_item_id') }} as line_id,
        {{ to_quantity(json_text('items.item', '$.quantity')) }} as quantity,
        {{ to_money(json_text('items.item', '$.subtotal')) }} as amount,
        orders._staged_load_id,
        refunds._load_id,
        refunds._loaded_at
    from refunds
    inner join orders on refunds._load_id = orders._load_id and refunds._row_number = orders._row_number,
        {{ json_items("json_extract(refunds.refund_json, '$.refund_line_items')") }}
),

-- A refund may name a line twice, when it restocks a part of it.
summed as (
    select
        refund_id,
        order_id,
        line_id,
        cast(sum(quantity) as {{ money_type() }}) as quantity,
        cast(sum(amount) as {{ money_type() }}) as amount,
        max(_staged_load_id) as _staged_load_id,
        max(_load_id) as _load_id,
        max(_loaded_at) as _loaded_at
    from refunded_items
    where line_id is not null
    group by refund_id, order_id, line_id
)

select * from summed
