-- Grain: one row per payment: as the source tells of it, else one for each order that took money.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_orders__payment_states'), 'payment_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_orders__payment_states'), 'payment_id') }}

),

final as (

    select
        *,
        current_timestamp as _loaded_at
    from states

)

select * from final
