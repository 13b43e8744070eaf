-- Grain: one row per known person who bought in the window and as-of date, tonight's and those never published before.
{{ config(materialized='table') }}

with valid_orders as (

    select * from {{ ref('int_customers__valid_orders') }}

),

refunds as (

    select * from {{ ref('refunds') }}

),

settings as (

    {{ rfm_settings() }}

),

first_orders as (

    select min(reporting_date) as first_order_date
    from {{ ref('int_customers__valid_orders') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

rfm_dates as (

    select * from {{ source('ops', 'rfm_dates') }}

),

rfm_scales_before as (

    select * from {{ source('ops', 'rfm_scales_before') }}

),

-- Ten years at most: an order with a mistyped year must not bring a thousand months.
month_ends as (

    select
        cast(unnest(generate_series(
            greatest(
                date_trunc('month', (select first_orders.first_order_date from first_orders)),
                date_trunc('month', run_parameters.as_of_date) - interval 119 months
            ) + interval 1 month,
            date_trunc('month', run_parameters.as_of_date),
            interval 1 month
        )) as date) - 1 as as_of_date
    from run_parameters

),

-- What a publication has shown once stays as it was.
as_of_dates as (

    select
        asked.as_of_date,
        'backfilled' as basis
    from (
        select as_of_date from month_ends
        union
        select as_of_date from rfm_dates
    ) as asked
    inner join run_parameters on asked.as_of_date < run_parameters.as_of_date
    where asked.as_of_date not in (select rfm_scales_before.as_of_date from rfm_scales_before)
    union all
    select
        as_of_date,
        'published' as basis
    from run_parameters

),

windows as (

    select
        as_of_dates.as_of_date,
        as_of_dates.basis,
        case
            when settings.window_days is null then cast('0001-01-01' as date)
            else as_of_dates.as_of_date - cast(settings.window_days as integer)
        end as after_date
    from as_of_dates
    cross join settings

),

given_back as (

    select
        windows.as_of_date,
        refunds.order_id,
        sum(refunds.amount) as amount,
        sum(refunds.amount_reporting) as amount_reporting
    from windows
    inner join refunds on windows.as_of_date >= refunds.reporting_date
    where refunds.is_counted and refunds.order_id is not null
    group by windows.as_of_date, refunds.order_id

),

purchases as (

    select
        windows.as_of_date,
        valid_orders.customer_id,
        valid_orders.reporting_date,
        valid_orders.due_amount_reporting - coalesce(given_back.amount_reporting, 0) as net_amount_reporting
    from windows
    inner join valid_orders
        on windows.after_date < valid_orders.reporting_date and windows.as_of_date >= valid_orders.reporting_date
    left join given_back on windows.as_of_date = given_back.as_of_date and valid_orders.order_id = given_back.order_id
    where valid_orders.due_amount = 0 or valid_orders.due_amount > coalesce(given_back.amount, 0)

),

-- A return that names no order lowers what its person is worth, and nothing else.
unlinked_returns as (

    select
        windows.as_of_date,
        refunds.customer_id,
        sum(refunds.amount_reporting) as amount_reporting
    from windows
    inner join refunds
        on windows.after_date < refunds.reporting_date and windows.as_of_date >= refunds.reporting_date
    where refunds.status = 'unlinked' and refunds.customer_id is not null
    group by windows.as_of_date, refunds.customer_id

),

summed as (

    select
        customer_id,
        as_of_date,
        max(reporting_date) as last_order_date,
        count(*) as frequency,
        sum(net_amount_reporting) as net_amount_reporting
    from purchases
    group by customer_id, as_of_date

),

final as (

    select
        summed.customer_id,
        summed.as_of_date,
        windows.basis,
        summed.last_order_date,
        cast(summed.frequency as integer) as frequency,
        {{ money('coalesce(summed.net_amount_reporting, 0) - coalesce(unlinked_returns.amount_reporting, 0)') }}
            as monetary
    from summed
    inner join windows on summed.as_of_date = windows.as_of_date
    left join unlinked_returns
        on summed.customer_id = unlinked_returns.customer_id and summed.as_of_date = unlinked_returns.as_of_date

)

select * from final
