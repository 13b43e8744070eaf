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
    where touchpoint_type in ('ad_click', 'page_view')

),

previous as (

    select
        *,
        lag(occurred_at) over (partition by session_device order by occurred_at, touchpoint_id) as previous_at,
        last_value(click_id ignore nulls) over earlier_touchpoints as previous_click_id,
        last_value(campaign_key ignore nulls) over earlier_touchpoints as previous_campaign_key
    from web
    window
        earlier_touchpoints as (
            partition by session_device
            order by occurred_at, touchpoint_id
            rows between unbounded preceding and 1 preceding
        )

),

started as (

    select
        *,
        coalesce(
            previous_at is null
            or epoch(occurred_at) - epoch(previous_at) > 1800
            or (click_id is not null and click_id is distinct from previous_click_id)
            or (campaign_key is not null and campaign_key is distinct from previous_campaign_key),
            true
        ) as is_session_start
    from previous

),

counted as (

    select
        *,
        sum(case when is_session_start then 1 else 0 end) over (
            partition by session_device
            order by occurred_at, touchpoint_id
            rows between unbounded preceding and current row
        ) as session_number
    from started

),

sessions as (

    select
        system,
        touchpoint_id,
        is_session_start,
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
        touchpoints.session_device,
        touchpoints.occurred_at,
        sessions.session_id,
        case when touchpoints.record_type not in ('device', 'click') then members.customer_id end
            as known_customer_id,
        members.customer_id
    from touchpoints
    left join sessions
        on touchpoints.system = sessions.system and touchpoints.touchpoint_id = sessions.touchpoint_id
    left join members on touchpoints.record_key = members.record_key

),

device_people as (

    select
        session_device,
        count(distinct known_customer_id) as people,
        min(known_customer_id) as only_customer_id
    from identified
    where known_customer_id is not null
    group by session_device

),

session_people as (

    select
        system,
        session_id,
        count(distinct known_customer_id) as people,
        min(known_customer_id) as only_customer_id
    from identified
    where known_customer_id is not null and session_id is not null
    group by system, session_id

),

-- Only devices that two people used need a look at who was known before and after.
shared_device_touchpoints as (

    select
        identified.system,
        identified.touchpoint_id,
        last_value(identified.known_customer_id ignore nulls) over before_touchpoint as before_customer_id,
        last_value(
            case when identified.known_customer_id is not null then identified.occurred_at end ignore nulls
        ) over before_touchpoint as before_at,
        first_value(identified.known_customer_id ignore nulls) over after_touchpoint as after_customer_id,
        first_value(
            case when identified.known_customer_id is not null then identified.occurred_at end ignore nulls
        ) over after_touchpoint as after_at
    from identified
    inner join device_people
        on identified.session_device = device_people.session_device and device_people.people > 1
    window
        before_touchpoint as (
            partition by identified.session_device
            order by identified.occurred_at, identified.touchpoint_id
            rows between unbounded preceding and current row
        ),
        after_touchpoint as (
            partition by identified.session_device
            order by identified.occurred_at, identified.touchpoint_id
            rows between current row and unbounded following
        )

),

final as (

    select
        touchpoints.system,
        touchpoints.touchpoint_id,
        touchpoints.touchpoint_type,
        case
            when identified.known_customer_id is not null then identified.known_customer_id
            when session_people.people = 1 then session_people.only_customer_id
            when device_people.people = 1 then device_people.only_customer_id
            when
                shared_device_touchpoints.before_customer_id = shared_device_touchpoints.after_customer_id
                and epoch(shared_device_touchpoints.after_at) - epoch(shared_device_touchpoints.before_at)
                <= 30 * 86400
                then shared_device_touchpoints.before_customer_id
            else identified.customer_id
        end as customer_id,
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
        touchpoints.occurred_at
    from touchpoints
    inner join identified
        on touchpoints.system = identified.system and touchpoints.touchpoint_id = identified.touchpoint_id
    left join sessions
        on touchpoints.system = sessions.system and touchpoints.touchpoint_id = sessions.touchpoint_id
    left join session_people
        on identified.system = session_people.system and identified.session_id = session_people.session_id
    left join device_people on identified.session_device = device_people.session_device
    left join shared_device_touchpoints
        on
            touchpoints.system = shared_device_touchpoints.system
            and touchpoints.touchpoint_id = shared_device_touchpoints.touchpoint_id

)

select * from final
