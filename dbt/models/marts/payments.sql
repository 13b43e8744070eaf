-- Grain: one row per order and payment method, as far as the sources tell.
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

final as (

    -- A voided receipt took no money; a gift card used is a payment like any other.
    select
        headers.order_id || '-1' as payment_id,
        headers.order_id,
        headers.source_system,
        coalesce(headers.payment_method, 'unknown') as payment_method,
        case when headers.is_paid then 'paid' else 'pending' end as status,
        headers.currency,
        headers.booked_amount as amount,
        headers.is_test,
        headers.order_date as payment_date,
        headers.paid_at,
        states._fingerprint,
        current_timestamp as _loaded_at
    from states
    inner join headers on states.order_id = headers.order_id
    where not headers.is_voided and headers.booked_amount > 0

)

select * from final
