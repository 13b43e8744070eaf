-- Grain: one row per person with a touch that can earn credit, with the fingerprint of all that decides their paths.
{{ config(materialized='table') }}

with touchpoints as (

    select * from {{ ref('touchpoints') }}
    where is_eligible and customer_id is not null

),

orders as (

    select * from {{ ref('orders') }}
    where is_valid and customer_id is not null

),

attribution_config as (

    select * from {{ ref('attribution_config') }}

),

touched as (

    select
        customer_id,
        {{ group_fingerprint(['touchpoint_id', '_fingerprint']) }} as touches_fingerprint
    from touchpoints
    group by customer_id

),

bought as (

    select
        customer_id,
        {{ group_fingerprint(['order_id', 'ordered_at', 'customer_order_number']) }} as orders_fingerprint
    from orders
    group by customer_id

),

final as (

    select
        touched.customer_id,
        {{ fingerprint(['touched.touches_fingerprint', 'bought.orders_fingerprint', 'attribution_config.lookback_days',
                        'attribution_config.collapse_repeats', 'attribution_config.exposure_window_days',
                        reporting_timezone()]) }} as _fingerprint
    from touched
    left join bought on touched.customer_id = bought.customer_id
    cross join attribution_config

)

select * from final
