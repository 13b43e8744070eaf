-- Grain: one row per known person and day with a purchase, up to the last month's end.
{{ config(materialized='table') }}

with valid_orders as (

    select * from {{ ref('int_customers__valid_orders') }}

),

refunds as (

    select * from {{ ref('refunds') }}
    where is_counted and order_id is not null

),

as_of_dates as (

    select {{ value_as_of('as_of_date') }} as as_of_date
    from {{ source('ops', 'run_parameters') }}

),

given_back as (

    select
        refunds.order_id,
        sum(refunds.amount) as amount,
        sum(refunds.amount_reporting) as amount_reporting
    from refunds
    inner join as_of_dates on refunds.reporting_date <= as_of_dates.as_of_date
    group by refunds.order_id

),

final as (

    select
        valid_orders.customer_id,
        sum(valid_orders.due_amount_reporting - coalesce(given_back.amount_reporting, 0)) as net_amount_reporting,
        valid_orders.reporting_date as date,
        as_of_dates.as_of_date
    from valid_orders
    inner join as_of_dates on valid_orders.reporting_date <= as_of_dates.as_of_date
    left join given_back on valid_orders.order_id = given_back.order_id
    where valid_orders.due_amount = 0 or valid_orders.due_amount > coalesce(given_back.amount, 0)
    group by valid_orders.customer_id, valid_orders.reporting_date, as_of_dates.as_of_date

)

select * from final
