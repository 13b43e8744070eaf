-- Grain: one row per source system, what is compared with what, and week: two figures that tell of the same thing.
{{ config(materialized='view') }}

with clock as (

    {{ weeks_compared() }}

),

orders as (

    select * from {{ ref('orders') }}

),

payments as (

    select * from {{ ref('payments') }}

),

touchpoints as (

    select * from {{ ref('touchpoints') }}

),

ad_performance as (

    select * from {{ ref('ad_performance') }}

),

seen_orders as (

    select touchpoints.order_id
    from touchpoints
    cross join clock
    where
        {{ is_of_instants('touchpoints.occurred_at') }}
        and touchpoints.touchpoint_type = 'checkout_completed'
        and touchpoints.order_id is not null
    group by touchpoints.order_id

),

seen_sources as (

    -- Shops whose orders web events tell of at all, and how far they do; a till's never are.
    select
        orders.source_system,
        max(orders.order_date) as reached_date
    from orders
    cross join clock
    semi join seen_orders on orders.order_id = seen_orders.order_id
    where {{ is_of_dates('orders.order_date') }}
    group by orders.source_system

),

claims as (

    select
        ad_performance.platform,
        {{ weeks_before('ad_performance.reporting_date') }} as weeks_back,
        sum(ad_performance.clicks) as clicks,
        sum(ad_performance.conversions) as conversions
    from ad_performance
    cross join clock
    where {{ is_of_dates('ad_performance.reporting_date') }}
    group by all

),

claims_reached as (

    select
        platform,
        timezone({{ reporting_timezone() }}, cast(max(reporting_date) + 1 as timestamp)) as reached_at
    from ad_performance
    group by platform

),

seen_claims as (

    -- No further than the platform's own figures reach, which come late or once a week.
    select
        touchpoints.platform,
        {{ weeks_before_end('touchpoints.occurred_at') }} as weeks_back,
        count(*) filter (where touchpoints.touchpoint_type = 'ad_click') as clicks,
        count(*) filter (where touchpoints.touchpoint_type = 'checkout_completed') as conversions
    from touchpoints
    cross join clock
    inner join claims_reached
        on touchpoints.platform = claims_reached.platform and touchpoints.occurred_at < claims_reached.reached_at
    where
        {{ is_of_instants('touchpoints.occurred_at') }}
        and touchpoints.touchpoint_type in ('ad_click', 'checkout_completed')
    group by all

),

ordered as (

    select
        orders.source_system,
        orders.currency,
        {{ weeks_before('orders.order_date') }} as weeks_back,
        count(*) as rows_counted,
        sum(orders.due_amount + orders.gift_card_sold_amount) as amount
    from orders
    cross join clock
    where {{ is_of_dates('orders.order_date') }} and not orders.is_test
    group by all

),

paid as (

    -- Whatever became of them since: what is pending today was paid in most weeks before.
    select
        payments.source_system,
        payments.currency,
        {{ weeks_before('payments.payment_date') }} as weeks_back,
        sum(payments.amount) as amount
    from payments
    cross join clock
    where {{ is_of_dates('payments.payment_date') }} and not payments.is_test
    group by all

),

final as (

    select
        ordered.source_system,
        'payments of orders in ' || ordered.currency as subject,
        'agreement' as measure,
        ordered.weeks_back,
        ordered.rows_counted,
        coalesce(paid.amount, 0) as part,
        ordered.amount as whole
    from ordered
    left join paid
        on
            ordered.source_system = paid.source_system
            and ordered.currency = paid.currency
            and ordered.weeks_back = paid.weeks_back
    union all
    select
        orders.source_system,
        'orders in web events' as subject,
        'agreement' as measure,
        {{ weeks_before('orders.order_date') }} as weeks_back,
        count(*) as rows_counted,
        count(seen_orders.order_id) as part,
        count(*) as whole
    from orders
    cross join clock
    inner join seen_sources
        on orders.source_system = seen_sources.source_system and orders.order_date <= seen_sources.reached_date
    left join seen_orders on orders.order_id = seen_orders.order_id
    where {{ is_of_dates('orders.order_date') }}
    group by all
    union all
    select
        claims.platform as source_system,
        'clicks in web events' as subject,
        'agreement' as measure,
        claims.weeks_back,
        claims.clicks as rows_counted,
        coalesce(seen_claims.clicks, 0) as part,
        claims.clicks as whole
    from claims
    left join seen_claims on claims.platform = seen_claims.platform and claims.weeks_back = seen_claims.weeks_back
    where claims.clicks is not null
    union all
    select
        claims.platform as source_system,
        'conversions in web events' as subject,
        'agreement' as measure,
        claims.weeks_back,
        claims.conversions as rows_counted,
        coalesce(seen_claims.conversions, 0) as part,
        claims.conversions as whole
    from claims
    left join seen_claims on claims.platform = seen_claims.platform and claims.weeks_back = seen_claims.weeks_back
    -- A platform that reports none, or not this figure, claims nothing.
    where claims.conversions is not null

)

select * from final
