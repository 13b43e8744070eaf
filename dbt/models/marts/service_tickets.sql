-- Grain: one row per service ticket or call.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_tickets__states'), 'ticket_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_tickets__states'), 'ticket_id') }}

),

final as (

    select
        *,
        current_timestamp as _loaded_at
    from states

)

select * from final
