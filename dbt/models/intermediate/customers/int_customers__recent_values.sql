-- Grain: one row per customer who bought or gave back in the last 365 days: the net of that time, as of tonight.
{{ config(materialized='table') }}

with orders as (

    select * from {{ ref('orders') }}

),

refunds as (

    select * from {{ ref('refunds') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

amounts as (

    select
        orders.customer_id,
        orders.net_amount_reporting as amount_reporting,
        orders.reporting_date
    from orders
    where orders.is_valid and orders.customer_id is not null
    union all
    select
        refunds.customer_id,
        -refunds.amount_reporting as amount_reporting,
        refunds.reporting_date
    from refunds
    where refunds.status = 'unlinked' and refunds.customer_id is not null

),

final as (

    select
        amounts.customer_id,
        {{ money('coalesce(sum(amounts.amount_reporting), 0)') }} as net_amount_reporting
    from amounts
    inner join run_parameters
        on
            amounts.reporting_date > run_parameters.as_of_date - 365
            and amounts.reporting_date <= run_parameters.as_of_date
    group by amounts.customer_id

)

select * from final
