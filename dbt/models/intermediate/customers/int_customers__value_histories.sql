-- Grain: one row per known person who bought by the last month's end: what the models of repeat buying know of them.
{{ config(materialized='table') }}

with purchase_days as (

    select
        *,
        min(date) over (partition by customer_id) as first_date
    from {{ ref('int_customers__purchase_days') }}

),

value_config as (

    select * from {{ ref('value_config') }}

),

summed as (

    select
        customer_id,
        as_of_date,
        first_date,
        max(date) as last_date,
        count(*) as days,
        count(*) filter (where date > first_date and net_amount_reporting > 0) as valued_days,
        sum(net_amount_reporting) filter (where date > first_date and net_amount_reporting > 0) as valued_amount
    from purchase_days
    group by customer_id, as_of_date, first_date

),

final as (

    select
        summed.customer_id,
        value_config.unit,
        cast(summed.days - 1 as integer) as frequency,
        {{ in_value_unit('summed.last_date - summed.first_date', 'value_config.unit') }} as recency,
        {{ in_value_unit('summed.as_of_date - summed.first_date', 'value_config.unit') }} as t,
        cast(summed.valued_days as integer) as valued_days,
        coalesce(cast(summed.valued_amount as double) / nullif(summed.valued_days, 0), 0) as mean_value,
        summed.first_date,
        summed.as_of_date
    from summed
    cross join value_config

)

select * from final
