-- Grain: one row per valid order of a known person, with the day and the order's largest category.
{{ config(materialized='table') }}

with orders as (

    select * from {{ ref('orders') }}

),

order_lines as (

    select * from {{ ref('order_lines') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

known_customers as (

    select distinct customer_id
    from members
    where not is_anonymous

),

-- Most orders are of one category, and need no sums.
listed as (

    select
        order_id,
        min(category) as category,
        min(category) <> max(category) as is_mixed
    from order_lines
    where category is not null
    group by order_id

),

mixed as (

    select
        order_lines.order_id,
        order_lines.category,
        sum(order_lines.net_amount) as net_amount
    from order_lines
    inner join listed on order_lines.order_id = listed.order_id
    where order_lines.category is not null and listed.is_mixed
    group by order_lines.order_id, order_lines.category

),

largest as (

    select
        order_id,
        category
    from mixed
    qualify row_number() over (partition by order_id order by net_amount desc, category asc) = 1

),

final as (

    select
        orders.order_id,
        orders.customer_id,
        orders.source_system,
        coalesce(largest.category, listed.category) as category,
        orders.due_amount,
        orders.net_amount,
        orders.due_amount_reporting,
        {{ is_purchase('orders.due_amount', 'orders.net_amount') }} as is_qualifying,
        orders.customer_order_number,
        orders.reporting_date,
        orders.ordered_at
    from orders
    inner join known_customers on orders.customer_id = known_customers.customer_id
    left join listed on orders.order_id = listed.order_id
    left join largest on orders.order_id = largest.order_id
    where orders.is_valid

)

select * from final
