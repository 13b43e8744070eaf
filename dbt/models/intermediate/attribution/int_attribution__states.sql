-- Grain: one row per valid order and kind of model, plain or fitted on a month's paths, with its fingerprint.
{{ config(materialized='table') }}

with orders as (

    select * from {{ ref('orders') }}
    where is_valid

),

paths as (

    select * from {{ ref('int_attribution__paths') }}
    where order_id is not null

),

weights as (

    select * from {{ ref('int_attribution__weights') }}

),

attribution_config as (

    select * from {{ ref('attribution_config') }}

),

months as (

    select
        month,
        {{ group_fingerprint(['model', 'channel', 'weight']) }} as weights_fingerprint
    from weights
    group by month

),

of_orders as (

    select
        orders.order_id,
        orders.customer_id,
        orders.net_amount_reporting,
        coalesce(orders.is_first_order, false) as is_first_order,
        coalesce(paths.path_length, 0) as path_length,
        paths.last_non_direct_position,
        cast(date_trunc('month', {{ reporting_date('orders.ordered_at') }}) as date) as month,
        paths.last_touched_at,
        orders.ordered_at,
        {{ fingerprint(['orders.customer_id', 'orders.net_amount_reporting', 'orders.is_first_order',
                        'orders.ordered_at', 'paths.path_fingerprint', reporting_currency(),
                        reporting_timezone()]) }} as order_fingerprint
    from orders
    left join paths on orders.order_id = paths.order_id

),

plain as (

    select
        of_orders.*,
        false as is_fitted,
        case
            when of_orders.path_length > 1
                then {{ fingerprint(['of_orders.order_fingerprint', 'attribution_config.half_life_days']) }}
            else of_orders.order_fingerprint
        end as _fingerprint
    from of_orders
    cross join attribution_config

),

-- What a month's paths say matters where an order has touches to choose from.
fitted as (

    select
        of_orders.*,
        true as is_fitted,
        case
            when of_orders.path_length > 1
                then {{ fingerprint(['of_orders.order_fingerprint', 'months.weights_fingerprint']) }}
            else of_orders.order_fingerprint
        end as _fingerprint
    from of_orders
    left join months on of_orders.month = months.month

),

final as (

    select * exclude (order_fingerprint) from plain
    union all
    select * exclude (order_fingerprint) from fitted

)

select * from final
