-- Grain: one row per service ticket as it stands tonight, with its fingerprint.
{{ config(materialized='view') }}

with tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}

),

metrics as (

    select * from {{ ref('stg_zendesk__ticket_metrics') }}

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

newest_metrics as (

    select *
    from metrics
    qualify row_number() over (partition by ticket_id order by updated_at desc) = 1

),

newest_ratings as (

    select *
    from ratings
    where csat_score is not null
    qualify row_number() over (partition by ticket_id order by rated_at desc, rating_id desc) = 1

),

joined as (

    select
        tickets.ticket_id,
        members.customer_id,
        shop_orders.order_id,
        'zendesk' as source_system,
        tickets.channel,
        tickets.category,
        tickets.status,
        tickets.priority,
        cast(metrics.replies as integer) as replies,
        cast(metrics.reopens as integer) as reopens,
        cast(ratings.csat_score as integer) as csat_score,
        -- Solved with at most one reply, and it stayed solved.
        metrics.solved_at is not null
        and coalesce(metrics.replies, 0) <= 1
        and coalesce(metrics.reopens, 0) = 0 as is_one_touch,
        tickets.created_at,
        metrics.first_replied_at,
        metrics.solved_at
    from tickets
    left join newest_metrics as metrics on tickets.ticket_id = metrics.ticket_id
    left join newest_ratings as ratings on tickets.ticket_id = ratings.ticket_id
    left join members on members.record_key = 'zendesk/requester/' || tickets.requester_id
    left join shop_orders on tickets.order_name = shop_orders.order_name

),

final as (

    select
        *,
        {{ fingerprint(['customer_id', 'order_id', 'channel', 'category', 'status', 'priority', 'replies', 'reopens',
                        'csat_score', 'is_one_touch', 'created_at', 'first_replied_at', 'solved_at']) }} as _fingerprint
    from joined

)

select * from final
