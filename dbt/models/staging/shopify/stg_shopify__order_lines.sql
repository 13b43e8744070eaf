-- Grain: one row per line of a web shop order's newest good version.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_children',
    unique_key=['order_id', 'line_id'],
    meta={'loads': ['shopify.orders'], 'parent': 'stg_shopify__orders', 'parent_key': 'order_id'},
) }}

with orders as (
    select *
    from {{ ref('stg_shopify__orders') }}
    where {{ is_changed() }}
),

order_versions as (
    select *
    from {{ ref('base_shopify__orders') }}
    where {{ in_loads_of_changed(ref('stg_shopify__orders')) }}
),

lines as (
    select
        orders.order_id,
        {{ json_text('items.item', '$.id') }} as line_id,
        items.position as line_number,
        {{ json_text('items.item', '$.product_id') }} as product_id,
        {{ json_text('items.item', '$.variant_id') }} as variant_id,
        {{ json_text('items.item', '$.sku') }} as sku,
        coalesce({{ json_text('items.item', '$.title') }}, {{ json_text('items.item', '$.name') }}) as product_name,
        {{ to_quantity(json_text('items.item', '$.quantity')) }} as quantity,
        {{ to_money(json_text('items.item', '$.price')) }} as unit_price,
        {{ json_sum('items.item', '$.discount_allocations[*].amount') }} as discount_amount,
        {{ json_sum('items.item', '$.tax_lines[*].price') }} as tax_amount,
        coalesce({{ to_boolean(json_text('items.item', '$.gift_card')) }}, false) as is_gift_card,
        orders._staged_load_id,
        orders._load_id,
        orders._loaded_at
    from orders
    inner join order_versions
        on orders._load_id = order_versions._load_id and orders._row_number = order_versions._row_number,
        {{ json_items('order_versions.lines_json') }}
)

select * from lines
