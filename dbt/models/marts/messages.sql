-- Grain: one row per message event: what was said to whom, and what came of it.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_messages__states'), 'message_event_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_messages__states'), 'message_event_id') }}

),

final as (

    select
        *,
        current_timestamp as _loaded_at
    from states

)

select * from final
