-- Grain: one row per web shop order, in its newest good version.
{{ config(materialized='incremental', unique_key='order_id', meta={'loads': ['shopify.orders']}) }}
{%- set columns = [
    'order_id', 'order_name', 'customer_id_shopify', 'email', 'phone', 'ordered_at', 'created_at', 'updated_at',
    'cancelled_at', 'cancel_reason', 'closed_at', 'currency', 'financial_status', 'fulfillment_status', 'is_test',
    'taxes_included', 'line_items_amount', 'discount_amount', 'tax_amount', 'line_tax_amount', 'shipping_amount',
    'shipping_tax_amount', 'tip_amount', 'duties_amount', 'total_amount', 'presentment_currency',
    'presentment_total_amount', 'discount_code', 'first_shipped_at', 'last_delivered_at', 'is_store_pickup',
    'tags', 'source_name', 'landing_site', 'referring_site', 'payment_gateway', 'location_id', 'buyer_given_name', 'buyer_family_name', 'buyer_full_name', 'city', 'province',
    'country', 'postcode', 'street',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_shopify__orders'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_shopify__orders'), ['order_id'], columns) }}
)

select * from newest_versions
