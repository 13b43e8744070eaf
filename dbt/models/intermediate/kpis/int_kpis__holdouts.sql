-- Grain: one row per audience with both arms and month since its first member: what who was contacted bought more.
{{ config(materialized='view') }}

with audience_members as (

    select
        *,
        cast(date_trunc('month', member_since) as date) as month
    from {{ ref('audience_members') }}
    where arm in ('contacted', 'held_out')

),

orders as (

    select
        *,
        cast(date_trunc('month', reporting_date) as date) as month
    from {{ ref('orders') }}
    where is_valid and customer_id is not null

),

months as (

    select dates.month_start_date as month
    from {{ ref('dates') }} as dates
    inner join {{ source('ops', 'run_parameters') }} as run_parameters on dates.date <= run_parameters.as_of_date
    where dates.day_of_month = 1

),

joined as (

    select
        audience,
        month,
        count(*) filter (where arm = 'contacted') as contacted,
        count(*) filter (where arm = 'held_out') as held_out
    from audience_members
    group by audience, month

),

persons as (

    select
        joined.audience,
        months.month,
        sum(joined.contacted) as contacted,
        sum(joined.held_out) as held_out
    from months
    inner join joined on months.month >= joined.month
    group by joined.audience, months.month

),

-- What was bought on the day of joining may have come before it.
bought as (

    select
        audience_members.audience,
        orders.month,
        coalesce(sum(orders.net_amount_reporting) filter (where audience_members.arm = 'contacted'), 0) as contacted,
        coalesce(sum(orders.net_amount_reporting) filter (where audience_members.arm = 'held_out'), 0) as held_out
    from audience_members
    inner join orders
        on
            audience_members.customer_id = orders.customer_id
            and audience_members.member_since < orders.reporting_date
    group by audience_members.audience, orders.month

),

final as (

    select
        persons.audience,
        persons.month,
        coalesce(bought.contacted, 0)
        - {{ exact_ratio(
            kpi_part('coalesce(bought.held_out, 0) * persons.contacted'), kpi_part('persons.held_out')
        ) }} as incremental_amount
    from persons
    left join bought on persons.audience = bought.audience and persons.month = bought.month
    where persons.contacted > 0 and persons.held_out > 0

)

select * from final
