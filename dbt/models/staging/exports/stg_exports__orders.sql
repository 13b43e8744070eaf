-- Grain: one row per order of a mapped export, in its newest good version.
{{ config(materialized='incremental', unique_key=['system', 'order_id'], meta={'loads': ['*.orders']}) }}
{%- set columns = (
    ['source_system', 'system', 'order_id'] + staged_order_columns()
    + ['gross_amount', 'discount_amount', 'shipping_amount', 'tax_amount', 'net_amount']
) %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_exports__orders'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_exports__orders'), ['system', 'order_id'], columns) }}
)

select * from newest_versions
