-- Grain: one row per month of first orders and month since, up to the month of the as-of.
{{ config(materialized='table') }}

with orders as (

    select
        *,
        cast(date_trunc('month', reporting_date) as date) as month,
        {{ is_purchase('due_amount', 'net_amount') }} as is_qualifying
    from {{ ref('orders') }}
    where is_valid and customer_id is not null

),

margins as (

    select * from {{ ref('int_orders__margins') }}

),

kpi_config as (

    select * from {{ ref('kpi_config') }}

),

run_parameters as (

    select
        as_of_date,
        cast(date_trunc('month', as_of_date) as date) as month
    from {{ source('ops', 'run_parameters') }}

),

firsts as (

    select
        customer_id,
        month as cohort_month
    from orders
    where customer_order_number = 1

),

cohorts as (

    select
        firsts.cohort_month,
        count(*) as cohort_size
    from firsts
    group by firsts.cohort_month

),

bought as (

    select
        firsts.cohort_month,
        orders.month,
        count(distinct orders.customer_id) filter (where orders.is_qualifying) as persons_retained,
        sum(orders.net_amount_reporting) as net_amount,
        -- Where the cost of something is not known, a share of the order's net stands for its margin.
        sum(coalesce(
            margins.margin_reporting,
            {{ round_money('orders.net_amount_reporting * kpi_config.margin_share', reporting_minor_unit()) }}
        )) as margin
    from orders
    inner join firsts on orders.customer_id = firsts.customer_id
    inner join margins on orders.order_id = margins.order_id
    cross join kpi_config
    group by firsts.cohort_month, orders.month

),

spans as (

    select
        cohorts.cohort_month,
        cohorts.cohort_size,
        run_parameters.as_of_date,
        unnest(range(0, date_diff('month', cohorts.cohort_month, run_parameters.month) + 1)) as months_since
    from cohorts
    inner join run_parameters on cohorts.cohort_month <= run_parameters.month

),

months as (

    select
        cohort_month,
        cohort_size,
        months_since,
        cast(cohort_month + to_months(cast(months_since as integer)) as date) as month,
        as_of_date
    from spans

),

closed as (

    select
        *,
        last_day(month) <= as_of_date as is_complete
    from months

),

final as (

    select
        closed.cohort_size,
        cast(closed.months_since as integer) as months_since,
        case when closed.is_complete then coalesce(bought.persons_retained, 0) end as persons_retained,
        case
            when closed.is_complete
                then
                    {{ exact_ratio(
                        kpi_part('coalesce(bought.persons_retained, 0)'), kpi_part('closed.cohort_size')
                    ) }}
        end as retention_rate,
        case
            when not closed.is_complete then null
            when bought.month is null then {{ money('0') }}
            -- Unknown, not 0, where no order of theirs has an exchange rate.
            else {{ money('bought.net_amount') }}
        end as net_amount_reporting,
        case
            when not closed.is_complete then null
            when bought.month is null then {{ money('0') }}
            else {{ money('bought.margin') }}
        end as margin_reporting,
        closed.is_complete,
        closed.cohort_month,
        closed.month
    from closed
    left join bought on closed.cohort_month = bought.cohort_month and closed.month = bought.month

)

select * from final
