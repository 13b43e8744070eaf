-- Every order's amounts follow from each other, from its lines and from its refunds, to the minor unit.
-- Exports may bring orders without their lines.
with lines as (
    select
        order_id,
        sum(net_amount) as net_amount,
        sum(net_amount_reporting) as net_amount_reporting
    from {{ ref('order_lines') }}
    group by order_id
),

refunds as (
    select
        order_id,
        sum(amount) as amount,
        sum(amount_reporting) as amount_reporting
    from {{ ref('refunds') }}
    where is_counted and order_id is not null
    group by order_id
),

without_lines as (
    select order_id
    from {{ ref('int_exports__invoices') }}
    where sale_lines = 0
)

select orders.order_id
from {{ ref('orders') }} as orders
left join lines on orders.order_id = lines.order_id
left join refunds on orders.order_id = refunds.order_id
where
    orders.net_amount
    <> orders.gross_amount - orders.discount_amount + orders.shipping_amount + orders.tax_amount - orders.refund_amount
    or orders.refund_amount < 0
    or orders.refund_amount > orders.due_amount
    or orders.refund_amount <> coalesce(refunds.amount, 0)
    or (
        coalesce(lines.net_amount, 0) <> orders.gross_amount - orders.discount_amount
        and (lines.order_id is not null or orders.order_id not in (select without_lines.order_id from without_lines))
    )
    or orders.net_amount_reporting <> orders.due_amount_reporting - coalesce(refunds.amount_reporting, 0)
    or orders.refund_amount_reporting <> coalesce(refunds.amount_reporting, 0)
    or orders.gross_amount_reporting - orders.discount_amount_reporting + orders.shipping_amount_reporting
    + orders.tax_amount_reporting - orders.refund_amount_reporting <> orders.net_amount_reporting
    or (
        coalesce(lines.net_amount_reporting, 0) <> orders.gross_amount_reporting - orders.discount_amount_reporting
        and (lines.order_id is not null or orders.order_id not in (select without_lines.order_id from without_lines))
    )
