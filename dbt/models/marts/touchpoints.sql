-- Grain: one row per contact between a person and the shop.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_touchpoints__states'), 'touchpoint_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_touchpoints__states'), 'touchpoint_id') }}

),

final as (

    select
        *,
        current_timestamp as _loaded_at
    from states

)

select * from final
