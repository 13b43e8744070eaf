-- Grain: one row per message event as it stands tonight, with its fingerprint.
{{ config(materialized='view') }}

with messages as (

    select
        *,
        system || '/' || record_type || '/' || source_record_id as record_key
    from {{ ref('stg_exports__messages') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

published_ids as (

    select * from {{ ref('int_identity__published_ids') }}

),

joined as (

    select
        messages.system as source_system,
        {{ published_id('messages.message_id', 'published_ids') }} as message_id,
        members.customer_id,
        {{ without_address('messages.channel', 'messages.phone') }} as channel,
        messages.event,
        {{ without_address('messages.campaign', 'messages.phone') }} as campaign,
        {{ without_address('messages.template', 'messages.phone') }} as template,
        messages.occurred_at,
        messages.event = 'clicked'
        and row_number() over (
            partition by messages.system, messages.message_id, messages.event
            order by messages.occurred_at
        ) = 1 as is_first_click
    from messages
    left join members on messages.record_key = members.record_key
    left join published_ids
        on {{ personal_id('messages', 'messages.system', 'messages.message_id') }} = published_ids.id

),

final as (

    select
        source_system || '-' || message_id || '-' || event || '-' || epoch_us(occurred_at) as message_event_id,
        message_id,
        customer_id,
        source_system,
        channel,
        event,
        campaign,
        template,
        is_first_click,
        occurred_at,
        {{ fingerprint(['customer_id', 'channel', 'campaign', 'template', 'is_first_click']) }} as _fingerprint
    from joined

)

select * from final
