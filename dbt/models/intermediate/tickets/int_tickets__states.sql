-- Grain: one row per service ticket, or call without one, as it stands tonight, with its fingerprint.
{{ config(materialized='view') }}

with tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}

),

metrics as (

    select * from {{ ref('int_tickets__metrics') }}

),

all_calls as (

    select * from {{ ref('int_tickets__calls') }}

),

calls as (

    select * from all_calls
    where not has_ticket

),

-- A ticket may begin with a call, and be called about again.
calls_of_tickets as (

    select
        ticket_id,
        cast(count(*) as integer) as calls_count,
        cast(sum(wait_seconds) as bigint) as wait_seconds,
        cast(sum(talk_seconds) as bigint) as talk_seconds
    from all_calls
    where has_ticket
    group by ticket_id

),

deleted_tickets as (

    select * from {{ ref('stg_zendesk__deleted_tickets') }}

),

users as (

    select * from {{ ref('stg_zendesk__users') }}

),

organizations as (

    select * from {{ ref('stg_zendesk__organizations') }}

),

ratings as (

    select * from {{ ref('stg_zendesk__satisfaction_ratings') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

headers as (

    select * from {{ ref('int_orders__headers') }}

),

shop_orders as (

    select
        order_name,
        min(order_id) as order_id
    from headers
    where source_system = 'shopify'
    group by order_name

),

mapped_tickets as (

    select
        *,
        system || '/' || record_type || '/' || source_record_id as record_key
    from {{ ref('stg_exports__tickets') }}

),

published_ids as (

    select * from {{ ref('int_identity__published_ids') }}

),

told_names as (

    select order_name from tickets
    union
    select order_name from mapped_tickets

),

-- A desk writes down an order as the buyer says it, by its name or by its number; one that two orders have names none.
named_orders as (

    select
        names.order_name,
        min(names.order_id) as order_id
    from (
        select
            order_name,
            order_id
        from headers
        where order_name is not null
        union
        select
            source_order_id,
            order_id
        from headers
    ) as names
    inner join told_names on names.order_name = told_names.order_name
    group by names.order_name
    having count(distinct names.order_id) = 1

),

newest_ratings as (

    select *
    from ratings
    where csat_score is not null
    qualify row_number() over (partition by ticket_id order by rated_at desc, rating_id desc) = 1

),

zendesk as (

    select
        tickets.ticket_id,
        tickets.ticket_id as source_ticket_id,
        members.customer_id,
        coalesce(shop_orders.order_id, named_orders.order_id) as order_id,
        'zendesk' as source_system,
        tickets.channel,
        tickets.category,
        case when deleted_tickets.deleted_at >= tickets.updated_at then 'deleted' else tickets.status end as status,
        tickets.priority,
        organizations.organization_name as organization,
        cast(metrics.replies as integer) as replies,
        cast(metrics.reopens as integer) as reopens,
        coalesce(calls_of_tickets.calls_count, 0) as calls_count,
        calls_of_tickets.wait_seconds,
        calls_of_tickets.talk_seconds,
        metrics.reply_business_minutes,
        metrics.full_resolution_business_minutes,
        cast(ratings.csat_score as decimal(9, 3)) as csat_score,
        cast(tickets.nps_score as decimal(9, 3)) as nps_score,
        -- Solved with at most one reply, and it stayed solved.
        metrics.solved_at is not null
        and coalesce(metrics.replies, 0) <= 1
        and coalesce(metrics.reopens, 0) = 0 as is_one_touch,
        false as is_call,
        tickets.created_at,
        metrics.first_replied_at,
        metrics.solved_at
    from tickets
    left join metrics on tickets.ticket_id = metrics.ticket_id
    left join newest_ratings as ratings on tickets.ticket_id = ratings.ticket_id
    left join members on members.record_key = 'zendesk/requester/' || tickets.requester_id
    left join shop_orders on tickets.order_name = shop_orders.order_name
    left join named_orders on tickets.order_name = named_orders.order_name
    left join calls_of_tickets on tickets.ticket_id = calls_of_tickets.ticket_id
    left join deleted_tickets on tickets.ticket_id = deleted_tickets.ticket_id
    left join users on tickets.requester_id = users.user_id
    left join organizations
        on coalesce(tickets.organization_id, users.organization_id) = organizations.organization_id

),

-- A call without a ticket is done with in one touch when one agent completed it.
called as (

    select
        calls.ticket_id,
        calls.ticket_id as source_ticket_id,
        members.customer_id,
        cast(null as varchar) as order_id,
        'zendesk' as source_system,
        'phone' as channel,
        cast(null as varchar) as category,
        calls.completion_status as status,
        cast(null as varchar) as priority,
        organizations.organization_name as organization,
        cast(null as integer) as replies,
        0 as reopens,
        1 as calls_count,
        calls.wait_seconds,
        calls.talk_seconds,
        cast(null as bigint) as reply_business_minutes,
        cast(null as bigint) as full_resolution_business_minutes,
        cast(null as decimal(9, 3)) as csat_score,
        cast(null as decimal(9, 3)) as nps_score,
        coalesce(calls.is_completed and calls.agents_count <= 1, false) as is_one_touch,
        true as is_call,
        calls.called_at as created_at,
        case when calls.is_inbound then calls.answered_at end as first_replied_at,
        case when calls.is_completed then calls.ended_at end as solved_at
    from calls
    left join members on members.record_key = 'zendesk/requester/' || calls.requester_id
    left join users on calls.requester_id = users.user_id
    left join organizations on users.organization_id = organizations.organization_id

),

mapped_ids as (

    select
        tickets.*,
        {{ published_id('tickets.ticket_id', 'published_ids') }} as source_ticket_id
    from mapped_tickets as tickets
    left join published_ids on {{ personal_id('tickets', 'tickets.system', 'tickets.ticket_id') }} = published_ids.id

),

mapped as (

    select
        tickets.system || '-' || tickets.source_ticket_id as ticket_id,
        tickets.source_ticket_id,
        members.customer_id,
        named_orders.order_id,
        tickets.system as source_system,
        {{ without_address('tickets.channel', 'tickets.phone') }} as channel,
        {{ without_address('tickets.category', 'tickets.phone') }} as category,
        {{ without_address('tickets.status', 'tickets.phone') }} as status,
        cast(null as varchar) as priority,
        cast(null as varchar) as organization,
        cast(tickets.replies as integer) as replies,
        cast(tickets.reopens as integer) as reopens,
        cast(null as integer) as calls_count,
        cast(tickets.wait_seconds as bigint) as wait_seconds,
        cast(tickets.talk_seconds as bigint) as talk_seconds,
        cast(null as bigint) as reply_business_minutes,
        cast(null as bigint) as full_resolution_business_minutes,
        cast(tickets.csat_score as decimal(9, 3)) as csat_score,
        cast(tickets.nps_score as decimal(9, 3)) as nps_score,
        -- Few exports of tickets say how often the desk wrote; without it this is not known.
        case
            when tickets.replies is not null and tickets.reopens is not null
                then tickets.solved_at is not null and tickets.replies <= 1 and tickets.reopens = 0
        end as is_one_touch,
        false as is_call,
        tickets.created_at,
        tickets.first_replied_at,
        tickets.solved_at
    from mapped_ids as tickets
    left join members on tickets.record_key = members.record_key
    left join named_orders on tickets.order_name = named_orders.order_name

),

unioned as (

    select * from zendesk
    union all by name
    select * from called
    union all by name
    select * from mapped

),

-- The same question again: what this person asked of this category in the thirty days up to and with this contact.
asked as (

    select
        *,
        case
            when customer_id is not null and category is not null and coalesce(status, '') != 'deleted'
                then
                    cast(count(*) filter (where coalesce(status, '') != 'deleted') over (
                        partition by customer_id, category
                        order by created_at
                        range between interval 30 days preceding and current row
                    ) as integer)
        end as same_question_count
    from unioned

),

final as (

    select
        *,
        coalesce(same_question_count >= 3, false) as is_same_question_again,
        cast(epoch(first_replied_at) - epoch(created_at) as bigint) as first_reply_seconds,
        cast(epoch(solved_at) - epoch(created_at) as bigint) as full_resolution_seconds,
        {{ fingerprint(['customer_id', 'order_id', 'channel', 'category', 'status', 'priority', 'organization',
                        'replies', 'reopens', 'calls_count', 'wait_seconds', 'talk_seconds', 'reply_business_minutes',
                        'full_resolution_business_minutes', 'csat_score', 'nps_score', 'is_one_touch', 'is_call',
                        'same_question_count', 'created_at', 'first_replied_at', 'solved_at']) }} as _fingerprint
    from asked

)

select * from final
