-- Every valid order is given away whole by every model: credits are 1 together, revenue is the order's net amount.
with models as (
    {{ attribution_models() }}
),

wanted as (
    select
        order_id,
        net_amount_reporting
    from {{ ref('orders') }}
    where is_valid
),

given as (
    select
        order_id,
        model,
        sum(credit) as credit,
        sum(revenue_reporting) as revenue_reporting,
        count(*) as parts,
        count(occurred_at) as touches
    from {{ ref('attribution') }}
    group by order_id, model
),

counted as (
    select count(*) as number_of_models from models
),

-- By order before it is set beside the orders: there are as many rows as orders, not as orders and models.
by_order as (
    select
        given.order_id,
        count(models.model) as known_models,
        count(*) as given_models,
        count(given.revenue_reporting) as told_revenues,
        min(given.revenue_reporting) as lowest_revenue,
        max(given.revenue_reporting) as highest_revenue,
        -- Either touches share the order, or nothing does.
        bool_and(given.credit = 1 and (given.touches = given.parts or given.parts = 1)) as is_whole
    from given
    left join models on given.model = models.model
    group by given.order_id
)

select coalesce(wanted.order_id, by_order.order_id) as order_id
from wanted
full join by_order on wanted.order_id = by_order.order_id
cross join counted
where
    wanted.order_id is null
    or by_order.order_id is null
    or by_order.known_models <> counted.number_of_models
    or by_order.given_models <> counted.number_of_models
    or not by_order.is_whole
    or by_order.told_revenues not in (0, by_order.given_models)
    or by_order.lowest_revenue is distinct from wanted.net_amount_reporting
    or by_order.highest_revenue is distinct from wanted.net_amount_reporting
