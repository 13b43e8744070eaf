-- Grain: one row per call of the service desk, with the ticket or the row of its own that it counts as.
{{ config(materialized='view') }}

with calls as (

    select * from {{ ref('stg_zendesk__calls') }}

),

legs as (

    select * from {{ ref('stg_zendesk__legs') }}
    where leg_type = 'agent'

),

tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}

),

agents as (

    select
        call_id,
        count(distinct agent_id) as agents_count
    from legs
    group by call_id

),

final as (

    -- A call that has no ticket here stands for itself.
    select
        calls.call_id,
        coalesce(tickets.ticket_id, 'call-' || calls.call_id) as ticket_id,
        coalesce(tickets.requester_id, calls.customer_id_zendesk) as requester_id,
        calls.direction,
        calls.completion_status,
        tickets.ticket_id is not null as has_ticket,
        coalesce(calls.direction, 'inbound') = 'inbound' as is_inbound,
        calls.completion_status = 'completed' as is_completed,
        coalesce(agents.agents_count, case when calls.agent_id is null then 0 else 1 end) as agents_count,
        calls.wait_seconds,
        calls.talk_seconds,
        calls.created_at as called_at,
        calls.created_at + to_seconds(calls.answer_seconds) as answered_at,
        calls.created_at + to_seconds(calls.duration_seconds) as ended_at
    from calls
    left join tickets on calls.ticket_id = tickets.ticket_id
    left join agents on calls.call_id = agents.call_id

)

select * from final
