-- Grain: one row per known person, with the fingerprint of all that decides their stages but the as-of.
{{ config(materialized='table') }}

with known_customers as (

    select
        *,
        date_trunc('quarter', last_order_date) as last_quarter
    from {{ ref('int_customers__people') }}
    where not is_anonymous

),

gap_medians as (

    select * from {{ ref('int_customers__gap_medians') }}

),

lifecycle_config as (

    select * from {{ ref('lifecycle_config') }}

),

last_quarters as (

    select distinct last_quarter
    from known_customers
    where last_quarter is not null

),

-- What was usual in any quarter before that of the last order: hardly ever another, once it was published.
medians_before as (

    select
        last_quarters.last_quarter,
        {{ group_fingerprint(['gap_medians.quarter', 'gap_medians.category', 'gap_medians.gaps',
                              'gap_medians.median_seconds']) }} as medians_fingerprint
    from last_quarters
    inner join gap_medians on last_quarters.last_quarter > gap_medians.quarter
    group by last_quarters.last_quarter

),

final as (

    select
        known_customers.customer_id,
        known_customers.first_seen_at,
        {{ fingerprint(['known_customers.first_seen_at', 'known_customers.orders_fingerprint',
                        'medians_before.medians_fingerprint', 'lifecycle_config.mode',
                        'lifecycle_config.at_risk_factor', 'lifecycle_config.dormant_factor',
                        'lifecycle_config.lost_factor', 'lifecycle_config.prior_gaps',
                        'lifecycle_config.min_category_gaps', 'lifecycle_config.min_gap_days',
                        'lifecycle_config.max_gap_days', 'lifecycle_config.default_gap_days',
                        'lifecycle_config.at_risk_days', 'lifecycle_config.dormant_days',
                        'lifecycle_config.lost_days', reporting_timezone()]) }} as _fingerprint
    from known_customers
    cross join lifecycle_config
    left join medians_before on known_customers.last_quarter = medians_before.last_quarter

)

select * from final
