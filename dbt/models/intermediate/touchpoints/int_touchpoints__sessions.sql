-- Grain: one row per web event with its session and the marketing context the session began with.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_touchpoints__devices'), 'session_device') }}"
) }}

with devices as (

    {{ missing_keys(ref('int_touchpoints__devices'), 'session_device') }}

),

events as (

    select
        *,
        coalesce(device_id, 'user:' || user_id, 'event:' || event_id) as session_device
    from {{ ref('stg_events__events') }}

),

marked as (

    select
        events.event_id,
        events.session_device,
        events.occurred_at,
        events.click_id,
        events.click_id_type,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        case
            when events.utm_source is not null or events.utm_campaign is not null
                then concat_ws('|', events.utm_source, events.utm_medium, events.utm_campaign)
        end as campaign_key,
        nullif(regexp_extract(lower(events.referrer), '^[a-z]+://([^/:?#]+)', 1), '') as referrer_host,
        nullif(regexp_extract(lower(events.url), '^[a-z]+://([^/:?#]+)', 1), '') as page_host,
        devices._fingerprint
    from events
    inner join devices on events.session_device = devices.session_device

),

counted as (

    {{ with_sessions('marked', 'event_id') }}

),

final as (

    select
        event_id,
        session_device,
        first_value(event_id) over session_events as session_id,
        first_value(click_id_type) over session_events as click_id_type,
        first_value(utm_source) over session_events as utm_source,
        first_value(utm_medium) over session_events as utm_medium,
        first_value(utm_campaign) over session_events as utm_campaign,
        -- A page of the same site refers to itself; that is no way in.
        first_value(
            case when referrer_host is distinct from page_host then referrer_host end
        ) over session_events as referrer_host,
        is_session_start,
        _fingerprint
    from counted
    window session_events as (partition by session_device, session_number order by occurred_at, event_id)

)

select * from final
