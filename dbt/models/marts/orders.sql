-- Grain: one row per order, any channel.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_orders__states'), 'order_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_orders__states'), 'order_id') }}

),

headers as (

    select * from {{ ref('int_orders__headers') }}

),

lines as (

    select lines.*
    from {{ ref('int_orders__lines') }} as lines
    inner join states on lines.order_id = states.order_id

),

main_categories as (

    {{ main_categories('lines') }}

),

final as (

    select
        headers.order_id,
        headers.source_system,
        headers.source_order_id,
        headers.store_id,
        states.customer_id,
        headers.channel,
        main_categories.category as main_category,
        states.status,
        headers.currency,
        headers.gross_amount,
        headers.discount_amount,
        headers.shipping_amount,
        headers.other_amount,
        headers.tax_amount,
        headers.due_amount,
        states.refund_amount,
        {{ money('headers.due_amount - states.refund_amount') }} as net_amount,
        {{ money('headers.gross_amount - headers.discount_amount - states.refunded_merchandise_amount') }}
            as net_sales_amount,
        headers.gift_card_sold_amount,
        {{ money('states.merchandise_amount_reporting + states.discount_amount_reporting') }} as gross_amount_reporting,
        states.discount_amount_reporting,
        states.shipping_amount_reporting,
        states.tax_amount_reporting,
        states.due_amount_reporting,
        {{ money('states.due_amount_reporting - states.net_amount_reporting') }} as refund_amount_reporting,
        states.net_amount_reporting,
        states.fx_rate,
        states.customer_order_number,
        states.customer_order_number = 1 as is_first_order,
        states.is_valid,
        headers.is_test,
        headers.is_exchange,
        headers.is_store_pickup,
        headers.order_date,
        headers.reporting_date,
        states.fx_rate_date,
        headers.ordered_at,
        headers.paid_at,
        headers.shipped_at,
        headers.delivered_at,
        headers.cancelled_at,
        states._fingerprint,
        current_timestamp as _loaded_at
    from states
    inner join headers on states.order_id = headers.order_id
    left join main_categories on states.order_id = main_categories.order_id

)

select * from final
