-- Grain: one row per web event: the customer it belongs to.
{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_events__events') }}

),

sessions as (

    select * from {{ ref('int_touchpoints__sessions') }}

),

members as (

    select * from {{ ref('int_identity__members') }}
    where source_system = 'events'

),

identified as (

    select
        events.event_id,
        events.occurred_at,
        sessions.session_device,
        sessions.session_id,
        users.customer_id as user_customer_id,
        devices.customer_id as device_customer_id
    from events
    inner join sessions on events.event_id = sessions.event_id
    left join members as users on users.record_key = 'events/user/' || events.user_id
    left join members as devices on devices.record_key = 'events/device/' || events.device_id

),

device_people as (

    select
        session_device,
        count(distinct user_customer_id) as people,
        min(user_customer_id) as only_customer_id
    from identified
    where user_customer_id is not null
    group by session_device

),

session_people as (

    select
        session_id,
        count(distinct user_customer_id) as people,
        min(user_customer_id) as only_customer_id
    from identified
    where user_customer_id is not null
    group by session_id

),

-- Only devices that two people used need a look at the log-ins before and after.
shared_device_events as (

    select
        identified.event_id,
        last_value(identified.user_customer_id ignore nulls) over before_event as before_customer_id,
        last_value(
            case when identified.user_customer_id is not null then identified.occurred_at end ignore nulls
        ) over before_event as before_at,
        first_value(identified.user_customer_id ignore nulls) over after_event as after_customer_id,
        first_value(
            case when identified.user_customer_id is not null then identified.occurred_at end ignore nulls
        ) over after_event as after_at
    from identified
    inner join device_people on identified.session_device = device_people.session_device and device_people.people > 1
    window
        before_event as (
            partition by identified.session_device
            order by identified.occurred_at, identified.event_id
            rows between unbounded preceding and current row
        ),
        after_event as (
            partition by identified.session_device
            order by identified.occurred_at, identified.event_id
            rows between current row and unbounded following
        )

),

final as (

    select
        identified.event_id,
        case
            when identified.user_customer_id is not null then identified.user_customer_id
            when session_people.people = 1 then session_people.only_customer_id
            when device_people.people = 1 then device_people.only_customer_id
            when
                shared_device_events.before_customer_id = shared_device_events.after_customer_id
                and epoch(shared_device_events.after_at) - epoch(shared_device_events.before_at) <= 30 * 86400
                then shared_device_events.before_customer_id
            else identified.device_customer_id
        end as customer_id
    from identified
    left join session_people on identified.session_id = session_people.session_id
    left join device_people on identified.session_device = device_people.session_device
    left join shared_device_events on identified.event_id = shared_device_events.event_id

)

select * from final
