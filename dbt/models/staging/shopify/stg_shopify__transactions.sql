-- Grain: one row per transaction of a web shop order, in its newest good version.
{{ config(materialized='incremental', unique_key='transaction_id', meta={'loads': ['shopify.transactions']}) }}
{%- set columns = [
    'transaction_id', 'order_id', 'parent_id', 'kind', 'status', 'gateway', 'currency', 'amount', 'is_test',
    'processed_at', 'order_updated_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_shopify__transactions'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_shopify__transactions'), ['transaction_id'], columns) }}
)

select * from newest_versions
