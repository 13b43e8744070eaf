-- Grain: one row per month that is over and kind of record that key figures are made of.
{{ config(materialized='table') }}

with orders as (

    select
        *,
        cast(date_trunc('month', reporting_date) as date) as month
    from {{ ref('orders') }}
    where is_valid

),

touchpoints as (

    select
        *,
        cast(date_trunc('month', {{ reporting_date('occurred_at') }}) as date) as month
    from {{ ref('touchpoints') }}
    where is_eligible

),

service_tickets as (

    select * from {{ ref('service_tickets') }}

),

messages as (

    select * from {{ ref('messages') }}

),

ad_performance as (

    select * from {{ ref('ad_performance') }}

),

daily_rates as (

    select * from {{ ref('int_fx__daily_rates') }}

),

identity_changes as (

    select * from {{ ref('int_identity__changes') }}
    where event <> 'born'

),

inputs_before as (

    select * from {{ source('ops', 'kpi_inputs_before') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

of_months as (

    select
        'orders' as input,
        month,
        {{ group_fingerprint(['order_id', 'due_amount', 'channel', 'ordered_at']) }} as fingerprint
    from orders
    group by month
    union all
    select
        'refunds' as input,
        month,
        {{ group_fingerprint(['order_id', 'refund_amount']) }} as fingerprint
    from orders
    where refund_amount <> 0
    group by month
    union all
    select
        'persons' as input,
        month,
        {{ group_fingerprint(['order_id', 'customer_id']) }} as fingerprint
    from orders
    group by month
    union all
    select
        'touches' as input,
        month,
        {{ group_fingerprint(['touchpoint_id', 'channel', 'occurred_at']) }} as fingerprint
    from touchpoints
    group by month
    union all
    select
        'persons_of_touches' as input,
        month,
        {{ group_fingerprint(['touchpoint_id', 'customer_id']) }} as fingerprint
    from touchpoints
    group by month
    union all
    select
        'tickets' as input,
        cast(date_trunc('month', {{ reporting_date('created_at') }}) as date) as month,
        {{ group_fingerprint(['_fingerprint']) }} as fingerprint
    from service_tickets
    group by month
    union all
    select
        'messages' as input,
        cast(date_trunc('month', {{ reporting_date('occurred_at') }}) as date) as month,
        {{ group_fingerprint(['message_event_id']) }} as fingerprint
    from messages
    group by month
    union all
    select
        'ads' as input,
        cast(date_trunc('month', date) as date) as month,
        {{ group_fingerprint(['ad_performance_id', 'cost', 'currency']) }} as fingerprint
    from ad_performance
    group by month
    union all
    select
        'rates' as input,
        cast(date_trunc('month', date) as date) as month,
        {{ group_fingerprint(['currency', 'date', 'rate']) }} as fingerprint
    from daily_rates
    group by month

),

-- A month that is not over changes with every record, and none of them is late.
tonight as (

    select of_months.*
    from of_months
    inner join run_parameters on last_day(of_months.month) <= run_parameters.as_of_date

),

last_published as (

    select
        input,
        month,
        arg_max(coalesce(fingerprint, 0), night) as fingerprint
    from inputs_before
    group by input, month

),

-- Months that had been over at the last publication; what they had none of then is new in them now.
months_before as (

    select max(month) as month
    from inputs_before

),

compared as (

    select
        coalesce(tonight.input, last_published.input) as input,
        coalesce(tonight.month, last_published.month) as month,
        tonight.fingerprint,
        coalesce(tonight.fingerprint, 0) <> coalesce(last_published.fingerprint, 0) as is_other
    from tonight
    full outer join last_published
        on tonight.input = last_published.input and tonight.month = last_published.month

),

-- Where orders are others, so are their persons. Then only what happened to ids tells whether people moved, too.
changed_customers as (

    select customer_id
    from identity_changes
    union
    select other_customer_id as customer_id
    from identity_changes
    where other_customer_id is not null

),

changed_months as (

    select orders.month
    from orders
    inner join changed_customers on orders.customer_id = changed_customers.customer_id
    union
    select touchpoints.month
    from touchpoints
    inner join changed_customers on touchpoints.customer_id = changed_customers.customer_id

),

final as (

    select
        compared.input,
        compared.fingerprint,
        compared.is_other,
        compared.is_other
        and coalesce(compared.month <= months_before.month, false)
        and (
            compared.input not in ('persons', 'persons_of_touches')
            or not coalesce(records.is_other, false)
            or changed_months.month is not null
        ) as is_moved,
        compared.month
    from compared
    cross join months_before
    left join compared as records
        on
            compared.month = records.month
            and records.input = case compared.input when 'persons' then 'orders' else 'touches' end
    left join changed_months on compared.month = changed_months.month

)

select * from final
