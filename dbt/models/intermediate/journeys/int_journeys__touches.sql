-- Grain: one row per touch of a person and step of a journey that it can make, or end the wait for.
{{ config(materialized='table') }}

with touchpoints as (

    select * from {{ ref('touchpoints') }}
    where customer_id is not null

),

orders as (

    select * from {{ ref('orders') }}
    where customer_order_number is not null and customer_id is not null

),

journeys as (

    select * from {{ ref('journeys') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

roles as (

    select
        journey,
        step,
        false as is_end,
        unnest(string_split(touchpoint_types, '|')) as touchpoint_type,
        string_split(channels, '|') as channels,
        only_eligible = 'y' as is_only_eligible,
        cast(replace(orders_before, '+', '') as integer) as orders_before,
        contains(orders_before, '+') as is_at_least
    from journeys
    union all
    select
        journey,
        step,
        true as is_end,
        unnest(string_split(ended_by, '|')) as touchpoint_type,
        cast(null as varchar[]) as channels,
        cast(null as boolean) as is_only_eligible,
        cast(null as integer) as orders_before,
        cast(null as boolean) as is_at_least
    from journeys
    where ended_by is not null

),

matched as (

    select
        touchpoints.customer_id,
        touchpoints.touchpoint_id,
        touchpoints.touchpoint_type,
        touchpoints.source_system,
        touchpoints.source_record_id,
        touchpoints.order_id,
        touchpoints.occurred_at,
        roles.journey,
        roles.step,
        roles.is_end,
        roles.orders_before,
        roles.is_at_least
    from touchpoints
    inner join roles on touchpoints.touchpoint_type = roles.touchpoint_type
    cross join run_parameters
    where
        touchpoints.occurred_at <= run_parameters.as_of
        and (roles.channels is null or list_contains(roles.channels, touchpoints.channel))
        and (touchpoints.is_eligible or not coalesce(roles.is_only_eligible, false))

),

-- Of a touch, how many valid orders the person had placed before it; of an order, before that order.
order_moments as (

    select
        customer_id,
        ordered_at,
        max(customer_order_number) as orders_so_far
    from orders
    group by customer_id, ordered_at

),

counted as (

    select
        matched.*,
        coalesce(order_moments.orders_so_far, 0) as orders_so_far
    from matched
    asof left join order_moments
        on matched.customer_id = order_moments.customer_id and matched.occurred_at > order_moments.ordered_at
    where matched.touchpoint_type <> 'order' and matched.orders_before is not null
    union all
    select
        matched.*,
        orders.customer_order_number - 1 as orders_so_far
    from matched
    inner join orders on matched.order_id = orders.order_id
    where matched.touchpoint_type = 'order'
    union all
    select
        *,
        cast(null as bigint) as orders_so_far
    from matched
    where touchpoint_type <> 'order' and orders_before is null

),

final as (

    select
        customer_id,
        journey,
        step,
        is_end,
        touchpoint_id,
        {{ touchpoint_rank('touchpoint_type') }} as touchpoint_rank,
        source_system,
        source_record_id,
        order_id,
        occurred_at
    from counted
    where
        orders_before is null
        or orders_so_far = orders_before
        or (is_at_least and orders_so_far > orders_before)

)

select * from final
