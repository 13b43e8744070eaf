-- Every valid order is given away whole by every model: credits are 1 together, revenue is the order's net amount.
with models as (
    {{ attribution_models() }}
),

wanted as (
    select
        orders.order_id,
        orders.net_amount_reporting,
        models.model
    from {{ ref('orders') }} as orders
    cross join models
    where orders.is_valid
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
)

select
    coalesce(wanted.order_id, given.order_id) as order_id,
    coalesce(wanted.model, given.model) as model
from wanted
full join given on wanted.order_id = given.order_id and wanted.model = given.model
where
    wanted.order_id is null
    or given.order_id is null
    or given.credit <> 1
    or given.revenue_reporting is distinct from wanted.net_amount_reporting
    -- Either touches share the order, or nothing does.
    or (given.touches < given.parts and given.parts > 1)
