-- Grain: one row per known person who had bought before the last quarter of the weeks, with what they bought in it.
{{ config(materialized='view') }}

with purchase_days as (

    select * from {{ ref('int_customers__purchase_days') }}

),

value_config as (

    select * from {{ ref('value_config') }}

),

spans as (

    select
        (as_of_date - min(date)) // 7 // 4 * 7 as holdout_days,
        as_of_date
    from purchase_days
    group by as_of_date

),

split as (

    select
        purchase_days.customer_id,
        purchase_days.date,
        spans.holdout_days,
        spans.as_of_date - cast(spans.holdout_days as integer) as until_date
    from purchase_days
    cross join spans

),

summed as (

    select
        customer_id,
        until_date,
        min(date) as first_date,
        max(date) filter (where date <= until_date) as last_date,
        count(*) filter (where date <= until_date) as days,
        count(*) filter (where date > until_date) as purchases,
        count(*) filter (where date <= until_date and date > until_date - cast(holdout_days as integer))
            as purchases_before
    from split
    group by customer_id, until_date

),

final as (

    select
        summed.customer_id,
        cast(summed.days - 1 as integer) as frequency,
        {{ in_value_unit('summed.last_date - summed.first_date', 'value_config.unit') }} as recency,
        {{ in_value_unit('summed.until_date - summed.first_date', 'value_config.unit') }} as t,
        cast(summed.purchases as integer) as purchases,
        cast(summed.purchases_before as integer) as purchases_before
    from summed
    cross join value_config
    where summed.days > 0

)

select * from final
