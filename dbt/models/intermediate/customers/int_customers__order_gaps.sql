-- Grain: one row per qualifying order of a known person, with the gap that is usual for the person at that order.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_customers__lifecycle_people'), 'customer_id') }}"
) }}

with people as (

    {{ missing_keys(ref('int_customers__lifecycle_people'), 'customer_id') }}

),

valid_orders as (

    select * from {{ ref('int_customers__valid_orders') }}
    where is_qualifying

),

gap_medians as (

    select * from {{ ref('int_customers__gap_medians') }}

),

lifecycle_config as (

    select * from {{ ref('lifecycle_config') }}

),

followed as (

    select
        valid_orders.*,
        people._fingerprint,
        row_number() over customer_orders as qualifying_number,
        lead(valid_orders.ordered_at) over customer_orders as next_ordered_at,
        -- All gaps up to here together are the time since the first order.
        cast(
            round(epoch(valid_orders.ordered_at) - epoch(first_value(valid_orders.ordered_at) over customer_orders))
            as bigint
        ) as own_seconds,
        cast(date_trunc('quarter', valid_orders.reporting_date) - interval 3 months as date) as last_closed_quarter
    from valid_orders
    inner join people on valid_orders.customer_id = people.customer_id
    window customer_orders as (
        partition by valid_orders.customer_id
        order by valid_orders.ordered_at, valid_orders.customer_order_number, valid_orders.order_id
    )

),

-- The market's habit comes from the quarter closed before the order, so that it stays the same afterwards.
with_prior as (

    select
        followed.*,
        coalesce(
            case
                when of_category.gaps >= lifecycle_config.min_category_gaps then of_category.median_seconds
            end,
            of_all.median_seconds,
            lifecycle_config.default_gap_days * 86400
        ) as prior_seconds,
        followed.qualifying_number - 1 as own_gaps,
        lifecycle_config.*
    from followed
    cross join lifecycle_config
    left join gap_medians as of_category
        on followed.last_closed_quarter = of_category.quarter and followed.category = of_category.category
    left join gap_medians as of_all
        on followed.last_closed_quarter = of_all.quarter and of_all.category is null

),

weighed as (

    select
        *,
        own_seconds + prior_gaps * prior_seconds as all_seconds,
        own_gaps + prior_gaps as all_gaps
    from with_prior

),

-- Divided last of all, so that half a second is half a second on every machine.
usual as (

    select
        *,
        least(greatest(all_seconds, min_gap_days * 86400 * all_gaps), max_gap_days * 86400 * all_gaps) as usual_seconds
    from weighed

),

silences as (

    select
        *,
        case mode
            when 'fixed' then at_risk_days * 86400 else at_risk_factor * usual_seconds / all_gaps
        end as at_risk_seconds,
        case mode
            when 'fixed' then dormant_days * 86400 else dormant_factor * usual_seconds / all_gaps
        end as dormant_seconds,
        case mode
            when 'fixed' then lost_days * 86400 else lost_factor * usual_seconds / all_gaps
        end as lost_seconds
    from usual

),

final as (

    select
        customer_id,
        order_id,
        qualifying_number,
        cast(round(usual_seconds / all_gaps) as bigint) as usual_gap_seconds,
        ordered_at,
        next_ordered_at,
        ordered_at + to_seconds(cast(round(at_risk_seconds) as bigint)) as at_risk_at,
        ordered_at + to_seconds(cast(round(dormant_seconds) as bigint)) as dormant_at,
        ordered_at + to_seconds(cast(round(lost_seconds) as bigint)) as lost_at,
        _fingerprint
    from silences

)

select * from final
