-- Grain: one row per distinct marketing context of a session or mapped touchpoint, with the channel it means.
-- That is the channel of the first rule in channels.csv that fits.
{{ config(materialized='table') }}

with sessions as (

    select * from {{ ref('int_touchpoints__sessions') }}
    where is_session_start

),

mapped as (

    select * from {{ ref('int_touchpoints__mapped') }}

),

channels as (

    select * from {{ ref('channels') }}

),

contexts as (

    select
        click_id_type,
        utm_source,
        utm_medium,
        referrer_host
    from sessions
    union
    select
        click_id_type,
        utm_source,
        utm_medium,
        referrer_host
    from mapped

),

matched as (

    select
        contexts.*,
        channels.channel,
        case when channels.is_paid then coalesce(channels.platform, lower(contexts.utm_source)) end as platform,
        channels.is_paid,
        channels.is_eligible,
        channels.is_direct
    from contexts
    inner join channels
        on
            (channels.click_id_type is null or regexp_matches(lower(contexts.click_id_type), channels.click_id_type))
            and (channels.utm_source is null or regexp_matches(lower(contexts.utm_source), channels.utm_source))
            and (channels.utm_medium is null or regexp_matches(lower(contexts.utm_medium), channels.utm_medium))
            and (channels.referrer is null or regexp_matches(contexts.referrer_host, channels.referrer))
    qualify row_number() over (
        partition by contexts.click_id_type, contexts.utm_source, contexts.utm_medium, contexts.referrer_host
        order by channels.priority
    ) = 1

),

final as (

    select * from matched

)

select * from final
