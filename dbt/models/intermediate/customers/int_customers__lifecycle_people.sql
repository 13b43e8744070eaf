-- Grain: one row per known person, with the fingerprint of all that decides their stages but the as-of.
{{ config(materialized='table') }}

with valid_orders as (

    select * from {{ ref('int_customers__valid_orders') }}
    where is_qualifying

),

gap_medians as (

    select * from {{ ref('int_customers__gap_medians') }}

),

members as (

    select * from {{ ref('int_identity__members') }}
    where not is_anonymous

),

records as (

    select * from {{ ref('int_identity__records') }}

),

lifecycle_config as (

    select * from {{ ref('lifecycle_config') }}

),

known_customers as (

    select
        members.customer_id,
        min(records.first_seen_at) as first_seen_at
    from members
    inner join records on members.record_key = records.record_key
    group by members.customer_id

),

quarters as (

    select
        cast(quarter + interval 3 months as date) as next_quarter,
        {{ group_fingerprint(['category', 'gaps', 'median_seconds']) }} as medians_fingerprint
    from gap_medians
    group by quarter

),

bought as (

    select
        valid_orders.customer_id,
        {{ group_fingerprint(['valid_orders.ordered_at', 'valid_orders.customer_order_number', 'valid_orders.category',
                              'quarters.medians_fingerprint']) }} as orders_fingerprint
    from valid_orders
    left join quarters on date_trunc('quarter', valid_orders.reporting_date) = quarters.next_quarter
    group by valid_orders.customer_id

),

final as (

    select
        known_customers.customer_id,
        known_customers.first_seen_at,
        {{ fingerprint(['known_customers.first_seen_at', 'bought.orders_fingerprint', 'lifecycle_config.mode',
                        'lifecycle_config.at_risk_factor', 'lifecycle_config.dormant_factor',
                        'lifecycle_config.lost_factor', 'lifecycle_config.prior_gaps',
                        'lifecycle_config.min_category_gaps', 'lifecycle_config.min_gap_days',
                        'lifecycle_config.max_gap_days', 'lifecycle_config.default_gap_days',
                        'lifecycle_config.at_risk_days', 'lifecycle_config.dormant_days',
                        'lifecycle_config.lost_days', reporting_timezone()]) }} as _fingerprint
    from known_customers
    cross join lifecycle_config
    left join bought on known_customers.customer_id = bought.customer_id

)

select * from final
