-- Grain: one row per ticket with figures: from its newest metrics, or from its metric events where those tell of more.
{{ config(materialized='view') }}

with metrics as (

    select * from {{ ref('stg_zendesk__ticket_metrics') }}

),

events as (

    select * from {{ ref('stg_zendesk__ticket_metric_events') }}
    where not is_deleted

),

newest_metrics as (

    select *
    from metrics
    qualify row_number() over (partition by ticket_id order by updated_at desc) = 1

),

from_events as (

    select
        ticket_id,
        min(case when metric = 'reply_time' and event_type = 'fulfill' then occurred_at end) as first_replied_at,
        max(case when metric = 'resolution_time' and event_type = 'activate' then occurred_at end) as last_opened_at,
        max(case when metric = 'resolution_time' and event_type = 'fulfill' then occurred_at end) as last_solved_at,
        count(case when metric = 'resolution_time' and event_type = 'activate' then 1 end) as times_opened,
        max(occurred_at) as last_event_at
    from events
    group by ticket_id

),

-- A ticket's clock that runs again after a solution was opened again.
settled as (

    select
        ticket_id,
        first_replied_at,
        case when last_opened_at is null or last_solved_at >= last_opened_at then last_solved_at end as solved_at,
        cast(greatest(times_opened - 1, 0) as bigint) as reopens,
        last_event_at
    from from_events

),

final as (

    select
        coalesce(metrics.ticket_id, settled.ticket_id) as ticket_id,
        -- The metrics count whole minutes; the event knows the second.
        coalesce(settled.first_replied_at, metrics.first_replied_at) as first_replied_at,
        case
            when metrics.ticket_id is null or settled.last_event_at > metrics.updated_at then settled.solved_at
            else metrics.solved_at
        end as solved_at,
        case
            when metrics.ticket_id is null then settled.reopens
            when settled.last_event_at > metrics.updated_at then greatest(metrics.reopens, settled.reopens)
            else metrics.reopens
        end as reopens,
        -- Events do not count replies; a first one is at least one.
        case
            when metrics.ticket_id is null and settled.first_replied_at is not null then 1
            when metrics.replies = 0 and settled.first_replied_at is not null then 1
            else metrics.replies
        end as replies,
        metrics.reply_business_minutes,
        case
            when metrics.ticket_id is not null and coalesce(settled.last_event_at <= metrics.updated_at, true)
                then metrics.full_resolution_business_minutes
        end as full_resolution_business_minutes
    from newest_metrics as metrics
    full outer join settled on metrics.ticket_id = settled.ticket_id

)

select * from final
