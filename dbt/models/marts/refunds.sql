-- Grain: one row per refund, return or void.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_orders__refund_states'), 'refund_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_orders__refund_states'), 'refund_id') }}

),

final as (

    select
        refund_id,
        order_id,
        source_system,
        source_refund_id,
        store_id,
        customer_id,
        twin_of,
        kind,
        status,
        currency,
        amount,
        booked_amount,
        amount_reporting,
        status = 'counted' as is_counted,
        is_test,
        business_date as refund_date,
        reporting_date,
        refunded_at,
        _fingerprint,
        current_timestamp as _loaded_at
    from states

)

select * from final
