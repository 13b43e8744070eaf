-- Grain: one row per known person with a purchase.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_customers__value_states'), 'customer_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_customers__value_states'), 'customer_id') }}

),

final as (

    select
        *,
        current_timestamp as _loaded_at
    from states

)

select * from final
