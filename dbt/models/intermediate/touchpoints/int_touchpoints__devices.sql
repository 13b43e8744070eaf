-- Grain: one row per device with web events, with the fingerprint of what decides its sessions.
{{ config(materialized='view') }}

with events as (

    select * from {{ ref('stg_events__events') }}

),

final as (

    -- An event without a device is told apart by its user, or stands alone.
    select
        coalesce(device_id, 'user:' || user_id, 'event:' || event_id) as session_device,
        {{ group_fingerprint(['event_id', 'occurred_at', 'click_id', 'click_id_type', 'utm_source', 'utm_medium',
                              'utm_campaign', 'referrer', 'url']) }} as _fingerprint
    from events
    group by session_device

)

select * from final
