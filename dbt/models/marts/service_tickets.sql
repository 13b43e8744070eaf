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
        ticket_id,
        source_ticket_id,
        customer_id,
        order_id,
        source_system,
        channel,
        category,
        status,
        priority,
        organization,
        replies,
        reopens,
        calls_count,
        wait_seconds,
        talk_seconds,
        first_reply_seconds,
        reply_business_minutes as first_reply_business_minutes,
        full_resolution_seconds,
        full_resolution_business_minutes,
        csat_score,
        nps_score,
        same_question_count,
        is_same_question_again,
        is_one_touch,
        is_call,
        created_at,
        first_replied_at,
        solved_at,
        _fingerprint,
        current_timestamp as _loaded_at
    from states

)

select * from final
