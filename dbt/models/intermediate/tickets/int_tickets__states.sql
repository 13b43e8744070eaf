-- Grain: one row per service ticket, or call without one, as it stands tonight, with its fingerprint.
{{ config(materialized='view') }}

with tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}

),

metrics as (

    select * from {{ ref('int_tickets__metrics') }}

),

calls as (

    select * from {{ ref('int_tickets__calls') }}
    where not has_ticket

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
        shop_orders.order_id,
        'zendesk' as source_system,
        tickets.channel,
        tickets.category,
        case when deleted_tickets.deleted_at >= tickets.updated_at then 'deleted' else tickets.status end as status,
        tickets.priority,
        organizations.organization_name as organization,
        cast(metrics.replies as integer) as replies,
        cast(metrics.reopens as integer) as reopens,
        cast(ratings.csat_score as decimal(9, 3)) as csat_score,
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
        cast(null as decimal(9, 3)) as csat_score,
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
        cast(null as integer) as replies,
        cast(null as integer) as reopens,
        cast(tickets.csat_score as decimal(9, 3)) as csat_score,
        -- An export of tickets does not say how often the desk wrote, so this is not known.
        cast(null as boolean) as is_one_touch,
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

final as (

    select
        *,
        {{ fingerprint(['customer_id', 'order_id', 'channel', 'category', 'status', 'priority', 'organization',
                        'replies', 'reopens', 'csat_score', 'is_one_touch', 'is_call', 'created_at', 'first_replied_at',
                        'solved_at']) }} as _fingerprint
    from unioned

)

select * from final
