-- Grain: one row per calendar day, from the first order's year to the end of the as-of's year.
{{ config(materialized='table') }}

with orders as (

    select * from {{ ref('orders') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

first_order as (

    select min(order_date) as order_date
    from orders

),

bounds as (

    select
        date_trunc(
            'year',
            least(coalesce(first_order.order_date, run_parameters.as_of_date), run_parameters.as_of_date) - 731
        ) as first_day,
        date_trunc('year', run_parameters.as_of_date) + interval 1 year - interval 1 day as last_day
    from run_parameters
    cross join first_order

),

days as (

    select
        cast(unnest(generate_series(
            cast(first_day as timestamp), cast(last_day as timestamp), interval 1 day
        )) as date) as date
    from bounds

),

final as (

    select
        days.date,
        cast(date_trunc('month', days.date) as date) as month_start_date,
        cast(date_trunc('quarter', days.date) as date) as quarter_start_date,
        cast(date_trunc('week', days.date) as date) as week_start_date,
        cast(extract(year from days.date) as integer) as year,
        cast(extract(quarter from days.date) as integer) as quarter,
        cast(extract(month from days.date) as integer) as month,
        cast(extract(day from days.date) as integer) as day_of_month,
        cast(extract(isodow from days.date) as integer) as day_of_week,
        extract(isodow from days.date) >= 6 as is_weekend,
        days.date <= run_parameters.as_of_date as is_complete
    from days
    cross join run_parameters

)

select * from final
