-- Grain: one row per device, moment and known person who used it then, in whichever system.
{{ config(materialized='table') }}

with events as (

    select * from {{ ref('stg_events__events') }}

),

mapped as (

    select * from {{ ref('stg_exports__touchpoints') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

-- An alias says that its user was behind the device of before, too.
named as (

    select
        {{ device_key('device_id') }} as device_key,
        'events/user/' || user_id as record_key,
        occurred_at
    from events
    where user_id is not null and device_id is not null
    union all
    select
        {{ device_key('previous_id') }} as device_key,
        'events/user/' || user_id as record_key,
        occurred_at
    from events
    where event_type = 'alias' and user_id is not null and previous_id is not null
    union all
    select
        {{ device_key(device_value('system', 'device_id')) }} as device_key,
        system || '/' || record_type || '/' || source_record_id as record_key,
        occurred_at
    from mapped
    where device_id is not null and record_type not in ('device', 'click')

),

final as (

    select distinct
        named.device_key,
        members.customer_id,
        named.occurred_at
    from named
    inner join members on named.record_key = members.record_key

)

select * from final
