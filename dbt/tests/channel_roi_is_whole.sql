-- By every model, channel_roi has all cost of ad_performance and all that valid orders are worth, no more and no less.
with models as (
    {{ attribution_models() }}
),

costs as (
    select coalesce(sum(cost_reporting), 0) as cost
    from {{ ref('ad_performance') }}
),

sales as (
    select
        coalesce(sum(net_amount_reporting), 0) as revenue,
        count(*) as orders,
        count(*) filter (where customer_order_number = 1) as new_customers
    from {{ ref('orders') }}
    where is_valid
),

totals as (
    select
        model,
        sum(cost) as cost,
        sum(attributed_revenue) as revenue,
        sum(attributed_orders) as orders,
        sum(new_customers) as new_customers
    from {{ ref('channel_roi') }}
    group by model
)

select models.model
from models
cross join costs
cross join sales
left join totals on models.model = totals.model
where
    coalesce(totals.cost, 0) <> costs.cost
    or coalesce(totals.revenue, 0) <> sales.revenue
    or coalesce(totals.orders, 0) <> sales.orders
    or coalesce(totals.new_customers, 0) <> sales.new_customers
