-- Grain: one row per qualifying order of a known person, with the gap that is usual for the person at that order.
{{ config(materialized='table') }}

with valid_orders as (

    select * from {{ ref('int_customers__valid_orders') }}
    where is_qualifying

),

lifecycle_config as (

    select * from {{ ref('lifecycle_config') }}

),

followed as (

    select
        *,
        row_number() over customer_orders as qualifying_number,
        lead(ordered_at) over customer_orders as next_ordered_at,
        cast(round(epoch(ordered_at) - epoch(lag(ordered_at) over customer_orders)) as bigint) as gap_seconds,
        cast(date_trunc('quarter', reporting_date) as date) as quarter
    from valid_orders
    window customer_orders as (partition by customer_id order by ordered_at, customer_order_number, order_id)

),

category_medians as (

    select
        quarter,
        category,
        count(*) as gaps,
        median(gap_seconds) as median_seconds
    from followed
    where gap_seconds is not null and category is not null
    group by quarter, category

),

quarter_medians as (

    select
        quarter,
        median(gap_seconds) as median_seconds
    from followed
    where gap_seconds is not null
    group by quarter

),

-- The market's habit comes from the quarter closed before the order, so that it stays the same afterwards.
with_prior as (

    select
        followed.*,
        coalesce(
            case
                when category_medians.gaps >= lifecycle_config.min_category_gaps then category_medians.median_seconds
            end,
            quarter_medians.median_seconds,
            lifecycle_config.fixed_gap_days * 86400
        ) as prior_seconds,
        coalesce(sum(followed.gap_seconds) over earlier_gaps, 0) as own_seconds,
        count(followed.gap_seconds) over earlier_gaps as own_gaps
    from followed
    cross join lifecycle_config
    left join category_medians
        on
            category_medians.quarter = cast(followed.quarter - interval 3 months as date)
            and followed.category = category_medians.category
    left join quarter_medians
        on quarter_medians.quarter = cast(followed.quarter - interval 3 months as date)
    window earlier_gaps as (
        partition by followed.customer_id
        order by followed.qualifying_number
        rows between unbounded preceding and current row
    )

),

usual as (

    select
        with_prior.*,
        case
            when lifecycle_config.mode = 'fixed' then lifecycle_config.fixed_gap_days * 86400
            else least(
                greatest(
                    (with_prior.own_seconds + lifecycle_config.prior_gaps * with_prior.prior_seconds)
                    / (with_prior.own_gaps + lifecycle_config.prior_gaps),
                    lifecycle_config.min_gap_days * 86400
                ),
                lifecycle_config.max_gap_days * 86400
            )
        end as usual_gap_seconds
    from with_prior
    cross join lifecycle_config

),

final as (

    select
        usual.customer_id,
        usual.order_id,
        usual.qualifying_number,
        cast(round(usual.usual_gap_seconds) as bigint) as usual_gap_seconds,
        usual.ordered_at,
        usual.next_ordered_at,
        usual.ordered_at
        + to_seconds(cast(round(lifecycle_config.at_risk_factor * usual.usual_gap_seconds) as bigint)) as at_risk_at,
        usual.ordered_at
        + to_seconds(cast(round(lifecycle_config.dormant_factor * usual.usual_gap_seconds) as bigint)) as dormant_at,
        usual.ordered_at
        + to_seconds(cast(round(lifecycle_config.lost_factor * usual.usual_gap_seconds) as bigint)) as lost_at
    from usual
    cross join lifecycle_config

)

select * from final
