-- Grain: one row per order, any channel.
{{ config(materialized='view') }}

with orders as (

    select * from {{ ref('orders') }}

),

order_lines as (

    select * from {{ ref('order_lines') }}

),

product_costs as (

    select * from {{ ref('product_costs') }}

),

-- Where no cost is told, no line is read.
kept_articles as (

    select
        order_id,
        case when is_gift_card then 0 else quantity - coalesce(refunded_quantity, 0) end as quantity,
        sku
    from order_lines
    where exists (select 1 from product_costs)

),

order_costs as (

    select
        kept_articles.order_id,
        sum(kept_articles.quantity * coalesce(product_costs.unit_cost, 0)) as cost,
        bool_and(kept_articles.quantity <= 0 or product_costs.unit_cost is not null) as is_known
    from kept_articles
    left join product_costs on kept_articles.sku = product_costs.sku
    group by kept_articles.order_id

),

-- NULL as soon as the cost of anything that was kept is not known.
final as (

    select
        orders.order_id,
        orders.net_amount_reporting,
        case
            when order_costs.is_known
                then
                    {{ round_money('orders.net_sales_amount * orders.fx_rate', reporting_minor_unit()) }}
                    - order_costs.cost
        end as margin_reporting
    from orders
    left join order_costs on orders.order_id = order_costs.order_id

)

select * from final
