-- Grain: one row per touchpoint of a mapped export.
-- Its session, the context that gives it a channel, and its customer, by the rules of web events.
{{ config(materialized='table') }}

with touchpoints as (

    select
        *,
        system || '/' || record_type || '/' || source_record_id as record_key,
        coalesce(system || '/device/' || device_id, system || '/' || record_type || '/' || source_record_id)
            as session_device
    from {{ ref('stg_exports__touchpoints') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

identifications as (

    select * from {{ ref('int_touchpoints__identifications') }}

),

-- Only what happens on a site or in an app has sessions.
web as (

    select
        system,
        touchpoint_id,
        coalesce(session_device, system || '/touchpoint/' || touchpoint_id) as session_device,
        touchpoint_type,
        click_id,
        click_id_type,
        -- A report of clicks names no source; it is one.
        coalesce(
            {{ without_address('utm_source') }},
            case
                when touchpoint_type = 'ad_click' then system
                when campaign is not null then 'campaign'
            end
        ) as utm_source,
        case when touchpoint_type = 'ad_click' then coalesce(utm_medium, 'paid') else utm_medium end as utm_medium,
        case
            when utm_source is not null or campaign is not null then concat_ws('|', utm_source, utm_medium, campaign)
        end as campaign_key,
        campaign,
        occurred_at
    from touchpoints
    where touchpoint_type in ('ad_click', 'page_view', 'product_view', 'add_to_cart', 'checkout_started')

),

counted as (

    {{ with_sessions('web', 'touchpoint_id') }}

),

sessions as (

    select
        system,
        touchpoint_id,
        is_session_start,
        touchpoint_type in ('ad_click', 'page_view', 'product_view')
        and row_number() over (
            partition by session_device, session_number
            order by
                touchpoint_type not in ('ad_click', 'page_view', 'product_view'),
                occurred_at,
                touchpoint_id
        ) = 1 as is_first_page,
        first_value(touchpoint_id) over session_touchpoints as session_id,
        first_value(click_id_type) over session_touchpoints as click_id_type,
        first_value(utm_source) over session_touchpoints as utm_source,
        first_value(utm_medium) over session_touchpoints as utm_medium,
        first_value(campaign) over session_touchpoints as campaign
    from counted
    window session_touchpoints as (
        partition by session_device, session_number order by occurred_at, touchpoint_id
    )

),

identified as (

    select
        touchpoints.system,
        touchpoints.touchpoint_id,
        {{ device_key(device_value('touchpoints.system', 'touchpoints.device_id')) }} as device_key,
        touchpoints.occurred_at,
        sessions.session_id,
        case when touchpoints.record_type not in ('device', 'click') then members.customer_id end
            as known_customer_id,
        members.customer_id as record_customer_id
    from touchpoints
    left join sessions
        on touchpoints.system = sessions.system and touchpoints.touchpoint_id = sessions.touchpoint_id
    left join members on touchpoints.record_key = members.record_key

),

customers as (

    {{ customers_of_touches('identified', ['system', 'touchpoint_id'], 'identifications') }}

),

final as (

    select
        touchpoints.system,
        touchpoints.touchpoint_id,
        touchpoints.touchpoint_type,
        customers.customer_id,
        sessions.session_id,
        case when sessions.session_id is null then touchpoints.click_id_type else sessions.click_id_type end
            as click_id_type,
        case
            when sessions.session_id is null then {{ without_address('touchpoints.utm_source') }}
            else sessions.utm_source
        end as utm_source,
        case when sessions.session_id is null then touchpoints.utm_medium else sessions.utm_medium end as utm_medium,
        cast(null as varchar) as referrer_host,
        {{ without_address('touchpoints.channel', 'touchpoints.phone') }} as given_channel,
        {{ without_address('coalesce(touchpoints.campaign, sessions.campaign)', 'touchpoints.phone') }} as campaign,
        {{ without_address('touchpoints.path', 'touchpoints.phone') }} as page_path,
        coalesce(sessions.is_session_start, false) as is_session_start,
        coalesce(sessions.is_first_page, false) as is_first_page,
        touchpoints.occurred_at
    from touchpoints
    inner join customers
        on touchpoints.system = customers.system and touchpoints.touchpoint_id = customers.touchpoint_id
    left join sessions
        on touchpoints.system = sessions.system and touchpoints.touchpoint_id = sessions.touchpoint_id

)

select * from final
