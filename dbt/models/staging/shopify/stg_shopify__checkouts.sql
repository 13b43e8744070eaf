-- Grain: one row per checkout of the web shop that was left, in its newest good version.
{{ config(materialized='incremental', unique_key='checkout_id', meta={'loads': ['shopify.checkouts']}) }}
{%- set columns = [
    'checkout_id', 'customer_id_shopify', 'currency', 'total_amount', 'lines_count', 'source_name', 'landing_site',
    'referring_site', 'created_at', 'updated_at', 'completed_at', 'closed_at',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_shopify__checkouts'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_shopify__checkouts'), ['checkout_id'], columns) }}
)

select * from newest_versions
