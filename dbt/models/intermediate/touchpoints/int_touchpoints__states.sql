-- Grain: one row per touchpoint as it stands tonight, with its fingerprint.
{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_events__events') }}

),

sessions as (

    select * from {{ ref('int_touchpoints__sessions') }}

),

contexts as (

    select * from {{ ref('int_touchpoints__contexts') }}

),

event_customers as (

    select * from {{ ref('int_touchpoints__event_customers') }}

),

headers as (

    select * from {{ ref('int_orders__headers') }}

),

order_states as (

    select * from {{ ref('int_orders__states') }}

),

refund_states as (

    select * from {{ ref('int_orders__refund_states') }}

),

ticket_states as (

    select * from {{ ref('int_tickets__states') }}
    where not is_call

),

calls as (

    select * from {{ ref('int_tickets__calls') }}

),

checkouts as (

    select * from {{ ref('stg_shopify__checkouts') }}
    where completed_at is null

),

members as (

    select * from {{ ref('int_identity__members') }}

),

mapped as (

    select * from {{ ref('int_touchpoints__mapped') }}

),

messages as (

    select * from {{ ref('int_messages__states') }}

),

published_ids as (

    select * from {{ ref('int_identity__published_ids') }}

),

shop_accounts as (

    select * from {{ ref('stg_shopify__customers') }}
    -- Any other customer of the shop bought as a guest, or was entered by its staff.
    where state = 'enabled'

),

till_members as (

    select * from {{ ref('stg_pos__members') }}

),

mapped_customers as (

    select * from {{ ref('stg_exports__customers') }}
    where created_at is not null

),

-- What channels.csv says of a channel that an export names itself.
channel_kinds as (

    select
        channel,
        bool_or(is_eligible) as is_eligible,
        bool_and(is_direct) as is_direct
    from {{ ref('channels') }}
    group by channel

),

shop_orders as (

    select
        order_name,
        min(order_id) as order_id
    from headers
    where source_system = 'shopify'
    group by order_name

),

-- A session can open with an event that is no page, such as a log-in; what earns credit is its first page.
first_pages as (

    select
        events.event_id,
        true as is_first_page
    from events
    inner join sessions on events.event_id = sessions.event_id
    where events.event_type in ('page', 'screen')
    qualify row_number() over (
        partition by sessions.session_id
        order by events.occurred_at, events.event_id
    ) = 1

),

web as (

    select
        'event-' || events.event_id as touchpoint_id,
        event_customers.customer_id,
        case
            when first_pages.is_first_page and contexts.is_paid then 'ad_click'
            when events.event_type in ('page', 'screen') then 'page_view'
            when events.event_type in ('identify', 'alias') then 'identified'
            when events.event_name = 'Product Viewed' then 'product_view'
            when events.event_name = 'Product Added' then 'add_to_cart'
            when events.event_name = 'Checkout Started' then 'checkout_started'
            when events.event_name = 'Order Completed' then 'checkout_completed'
            when events.event_name = 'Signed Up' then 'sign_up'
            when events.event_name = 'Product Reviewed' then 'review'
            else 'other_event'
        end as touchpoint_type,
        contexts.channel,
        contexts.platform,
        sessions.utm_campaign as campaign,
        'events' as source_system,
        events.event_id as source_record_id,
        shop_orders.order_id,
        cast(null as varchar) as ticket_id,
        sessions.session_id,
        events.sku,
        -- A path with an address in it could name a person.
        case when events.path not like '%@%' then events.path end as page_path,
        sessions.is_session_start,
        coalesce(first_pages.is_first_page and contexts.is_eligible, false) as is_eligible,
        coalesce(contexts.is_direct, false) as is_direct,
        events.occurred_at
    from events
    inner join sessions on events.event_id = sessions.event_id
    left join first_pages on events.event_id = first_pages.event_id
    left join event_customers on events.event_id = event_customers.event_id
    left join contexts
        on
            sessions.click_id_type is not distinct from contexts.click_id_type
            and sessions.utm_source is not distinct from contexts.utm_source
            and sessions.utm_medium is not distinct from contexts.utm_medium
            and sessions.referrer_host is not distinct from contexts.referrer_host
    left join shop_orders on events.order_name = shop_orders.order_name

),

placed_orders as (

    select
        'order-' || headers.order_id as touchpoint_id,
        order_states.customer_id,
        'order' as touchpoint_type,
        headers.channel,
        headers.source_system,
        headers.source_order_id as source_record_id,
        headers.order_id,
        headers.ordered_at as occurred_at
    from headers
    inner join order_states on headers.order_id = order_states.order_id

),

given_refunds as (

    select
        'refund-' || refund_states.refund_id as touchpoint_id,
        refund_states.customer_id,
        'refund' as touchpoint_type,
        case when refund_states.store_id is null then 'online_store' else 'store' end as channel,
        refund_states.source_system,
        refund_states.source_refund_id as source_record_id,
        refund_states.order_id,
        refund_states.refunded_at as occurred_at
    from refund_states
    where refund_states.kind != 'void' and refund_states.status not in ('voided', 'twin')

),

named_mapped as (

    select
        mapped.*,
        {{ published_id('mapped.touchpoint_id', 'published_ids') }} as published_id,
        {{ published_id('mapped.session_id', 'session_ids') }} as published_session_id
    from mapped
    left join published_ids
        on {{ personal_id('touchpoints', 'mapped.system', 'mapped.touchpoint_id') }} = published_ids.id
    left join published_ids as session_ids
        on {{ personal_id('touchpoints', 'mapped.system', 'mapped.session_id') }} = session_ids.id

),

mapped_touchpoints as (

    select
        'touch-' || mapped.system || '-' || mapped.published_id as touchpoint_id,
        mapped.customer_id,
        mapped.touchpoint_type,
        coalesce(
            mapped.given_channel,
            case
                when coalesce(mapped.session_id, mapped.click_id_type, mapped.utm_source, mapped.utm_medium) is not null
                    then contexts.channel
                when mapped.touchpoint_type = 'call_in' then 'phone'
                when mapped.touchpoint_type = 'store_visit' then 'store'
                when mapped.touchpoint_type = 'message_clicked' then 'message'
                else 'other'
            end
        ) as channel,
        contexts.platform,
        mapped.campaign,
        mapped.system as source_system,
        mapped.published_id as source_record_id,
        mapped.system || '-' || mapped.published_session_id as session_id,
        mapped.page_path,
        mapped.is_session_start,
        case
            when mapped.session_id is not null
                then mapped.is_first_page and coalesce(channel_kinds.is_eligible, contexts.is_eligible, true)
            when mapped.touchpoint_type in ('call_in', 'store_visit', 'message_clicked')
                then coalesce(channel_kinds.is_eligible, true)
        end as is_eligible,
        case
            when mapped.given_channel is not null then channel_kinds.is_direct
            when mapped.session_id is not null then contexts.is_direct
        end as is_direct,
        mapped.occurred_at
    from named_mapped as mapped
    left join contexts
        on
            mapped.click_id_type is not distinct from contexts.click_id_type
            and mapped.utm_source is not distinct from contexts.utm_source
            and mapped.utm_medium is not distinct from contexts.utm_medium
            and mapped.referrer_host is not distinct from contexts.referrer_host
    left join channel_kinds on mapped.given_channel = channel_kinds.channel

),

message_touchpoints as (

    select
        'message-' || messages.message_event_id as touchpoint_id,
        messages.customer_id,
        'message_' || messages.event as touchpoint_type,
        messages.channel,
        messages.campaign,
        messages.source_system,
        messages.message_id as source_record_id,
        messages.is_first_click and coalesce(channel_kinds.is_eligible, true) as is_eligible,
        messages.occurred_at
    from messages
    left join channel_kinds on messages.channel = channel_kinds.channel

),

tickets as (

    select
        'ticket_opened-' || ticket_id as touchpoint_id,
        customer_id,
        'ticket_opened' as touchpoint_type,
        channel,
        source_system,
        source_ticket_id as source_record_id,
        order_id,
        ticket_id,
        created_at as occurred_at
    from ticket_states
    union all
    select
        'ticket_solved-' || ticket_id as touchpoint_id,
        customer_id,
        'ticket_solved' as touchpoint_type,
        channel,
        source_system,
        source_ticket_id as source_record_id,
        order_id,
        ticket_id,
        solved_at as occurred_at
    from ticket_states
    where solved_at is not null

),

phone_calls as (

    select
        'call-' || calls.call_id as touchpoint_id,
        members.customer_id,
        case when calls.is_inbound then 'call_in' else 'call_out' end as touchpoint_type,
        'phone' as channel,
        'zendesk' as source_system,
        calls.call_id as source_record_id,
        calls.ticket_id,
        -- Whoever calls looks for the shop; whoever is called does not.
        calls.is_inbound and coalesce(channel_kinds.is_eligible, true) as is_eligible,
        calls.called_at as occurred_at
    from calls
    left join members on members.record_key = 'zendesk/requester/' || calls.requester_id
    left join channel_kinds on channel_kinds.channel = 'phone'

),

left_checkouts as (

    select
        'checkout-' || checkouts.checkout_id as touchpoint_id,
        members.customer_id,
        'checkout_abandoned' as touchpoint_type,
        'online_store' as channel,
        'shopify' as source_system,
        checkouts.checkout_id as source_record_id,
        checkouts.created_at as occurred_at
    from checkouts
    left join members on members.record_key = 'shopify/customer/' || checkouts.customer_id_shopify

),

registrations as (

    select
        'shopify/customer/' || customer_id_shopify as record_key,
        customer_id_shopify as login,
        'online_store' as channel,
        created_at as occurred_at
    from shop_accounts
    union all
    select
        'pos/member/' || member_no as record_key,
        cast(null as varchar) as login,
        'store' as channel,
        joined_at
    from till_members
    union all
    select
        system || '/' || record_type || '/' || source_record_id as record_key,
        cast(null as varchar) as login,
        system as channel,
        created_at
    from mapped_customers

),

told_sign_ups as (

    select
        customer_id,
        occurred_at
    from web
    where touchpoint_type = 'sign_up'
    union all
    select
        customer_id,
        occurred_at
    from mapped
    where touchpoint_type = 'sign_up'

),

told_logins as (

    select distinct user_id as login
    from events
    where event_name = 'Signed Up'

),

-- An account or a membership says that somebody signed up, unless a touch says so itself: of the same login, or of the
-- same person within a day.
sign_ups as (

    select
        'sign_up-' || members.source_system || '-' || members.published_record_id as touchpoint_id,
        members.customer_id,
        'sign_up' as touchpoint_type,
        registrations.channel,
        members.source_system,
        members.published_record_id as source_record_id,
        registrations.occurred_at
    from registrations
    inner join members on registrations.record_key = members.record_key
    where
        not exists (
            select 1
            from told_logins
            where told_logins.login = registrations.login
        )
        and not exists (
            select 1
            from told_sign_ups
            where
                told_sign_ups.customer_id = members.customer_id
                and abs(epoch(told_sign_ups.occurred_at) - epoch(registrations.occurred_at)) <= 86400
        )

),

unioned as (

    select * from web
    union all by name
    select * from placed_orders
    union all by name
    select * from given_refunds
    union all by name
    select * from tickets
    union all by name
    select * from phone_calls
    union all by name
    select * from mapped_touchpoints
    union all by name
    select * from message_touchpoints
    union all by name
    select * from left_checkouts
    union all by name
    select * from sign_ups

),

final as (

    select
        touchpoint_id,
        customer_id,
        touchpoint_type,
        channel,
        platform,
        campaign,
        source_system,
        source_record_id,
        order_id,
        ticket_id,
        session_id,
        sku,
        page_path,
        coalesce(is_session_start, false) as is_session_start,
        coalesce(is_eligible, false) as is_eligible,
        coalesce(is_direct, false) as is_direct,
        occurred_at,
        {{ fingerprint(['customer_id', 'touchpoint_type', 'channel', 'platform', 'campaign', 'order_id', 'ticket_id',
                        'session_id', 'sku', 'page_path', 'is_session_start', 'is_eligible', 'is_direct',
                        'occurred_at']) }} as _fingerprint
    from unioned

)

select * from final
