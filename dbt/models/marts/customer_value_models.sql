-- Grain: one row per month's end and unit of time that models of repeat buying were fitted for, or refused.
{{ config(materialized='table') }}

with fits as (

    select * from {{ ref('int_customers__value_fits') }}

),

final as (

    select
        unit,
        reason,
        cast(customers as integer) as customers,
        cast(repeat_buyers as integer) as repeat_buyers,
        cast(weeks as integer) as weeks,
        r,
        alpha,
        a,
        b,
        p,
        q,
        v,
        cast(holdout_weeks as integer) as holdout_weeks,
        cast(holdout_customers as integer) as holdout_customers,
        holdout_mae,
        holdout_mae_same_as_last,
        holdout_coverage,
        r is not null as is_fitted,
        as_of_date,
        fitted_at
    from fits

)

select * from final
order by as_of_date, unit
