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

identifications as (

    select * from {{ ref('int_touchpoints__identifications') }}

),

identified as (

    select
        events.event_id,
        events.occurred_at,
        {{ device_key('events.device_id') }} as device_key,
        sessions.session_id,
        users.customer_id as known_customer_id,
        devices.customer_id as record_customer_id
    from events
    inner join sessions on events.event_id = sessions.event_id
    left join members as users on users.record_key = 'events/user/' || events.user_id
    left join members as devices on devices.record_key = 'events/device/' || events.device_id

),

final as (

    {{ customers_of_touches('identified', ['event_id'], 'identifications') }}

)

select * from final
