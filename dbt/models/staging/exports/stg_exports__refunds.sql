-- Grain: one row per refund of a mapped export, in its newest good version.
{{ config(
    materialized='incremental',
    unique_key='_group_key',
    meta={'loads': ['*.refunds'], 'in_load_order': true},
) }}
{%- set columns = [
    'source_system', 'system', 'source_refund_id', 'refund_id', 'order_id', 'sku', 'currency', 'store_id', 'timezone',
    'customer_key', 'phone', 'email', 'member_no', 'union_id', 'open_id', 'amount', 'quantity', 'refund_date', 'refunded_at',
] %}

with settled as (
    {{ settled_groups(ref('base_exports__refunds'), columns) }}
)

select * from settled
