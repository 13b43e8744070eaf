-- Grain: one row per order line of a mapped export, in its newest good version.
{{ config(
    materialized='incremental',
    unique_key='_group_key',
    meta={'loads': ['*.order_lines'], 'in_load_order': true},
) }}
{%- set columns = (
    ['source_system', 'system', 'order_id', 'line_number', 'sku', 'product_name', 'category', 'original_order_id']
    + staged_order_columns()
    + ['quantity', 'unit_price', 'discount_amount', 'net_amount', 'line_tax_amount']
    + ['gross_amount', 'shipping_amount', 'tax_amount', 'order_discount_amount', 'order_net_amount']
) %}

with settled as (
    {{ settled_groups(ref('base_exports__order_lines'), columns) }}
)

select * from settled
