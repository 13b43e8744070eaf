-- Grain: one row per person, known or anonymous.
{{ config(materialized='table') }}

with people as (

    select * from {{ ref('int_customers__people') }}

),

attributes as (

    select * from {{ ref('int_customers__attributes') }}

),

consented as (

    select distinct customer_id
    from {{ ref('int_customers__consented_contacts') }}
    where purpose = 'marketing'

),

orders as (

    select * from {{ ref('orders') }}

),

refunds as (

    select * from {{ ref('refunds') }}

),

touchpoints as (

    select * from {{ ref('touchpoints') }}

),

customer_rfm as (

    select * from {{ ref('customer_rfm') }}
    where is_tonight

),

settings as (

    {{ rfm_settings() }}

),

scheme as (

    {{ rfm_scheme('settings') }}

),

-- Scores of 0 stand for people without an order.
prospects as (

    select min_by(segment, priority) as segment
    from scheme
    where r_max = 0

),

customer_lifecycle as (

    select * from {{ ref('customer_lifecycle') }}
    where left_at is null

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

survivors as (

    select
        customer_id,
        max(value) filter (where attribute = 'city') as city,
        max(value) filter (where attribute = 'country') as country,
        max(value) filter (where attribute = 'gender') as gender,
        max(value) filter (where attribute = 'member_level') as member_level,
        cast(max(value) filter (where attribute = 'birth_date') as date) as birth_date
    from attributes
    group by customer_id

),

unlinked_returns as (

    select
        customer_id,
        sum(amount_reporting) as amount_reporting
    from refunds
    where status = 'unlinked' and customer_id is not null
    group by customer_id

),

first_touches as (

    select
        customer_id,
        arg_min_null(channel, (occurred_at, touchpoint_id)) as channel
    from touchpoints
    -- What the shop sent is no sign of the person yet.
    where
        customer_id is not null
        and touchpoint_type not in ('message_sent', 'message_delivered', 'message_bounced')
    group by customer_id

),

order_channels as (

    select
        customer_id,
        channel
    from orders
    where is_valid and customer_id is not null
    group by customer_id, channel
    qualify row_number() over (partition by customer_id order by count(*) desc, max(ordered_at) desc, channel) = 1

),

aged as (

    select
        survivors.customer_id,
        date_diff('year', survivors.birth_date, run_parameters.as_of_date)
        - case
            when strftime(run_parameters.as_of_date, '%m%d') < strftime(survivors.birth_date, '%m%d') then 1
            else 0
        end as age
    from survivors
    cross join run_parameters
    where survivors.birth_date is not null

),

final as (

    select
        people.customer_id,
        people.source_systems,
        first_touches.channel as first_channel,
        order_channels.channel as preferred_channel,
        survivors.city,
        survivors.country,
        survivors.gender,
        case
            when aged.age < 18 then 'under 18'
            when aged.age < 25 then '18-24'
            when aged.age < 35 then '25-34'
            when aged.age < 45 then '35-44'
            when aged.age < 55 then '45-54'
            when aged.age < 65 then '55-64'
            when aged.age >= 65 then '65 and over'
        end as age_band,
        survivors.member_level,
        customer_lifecycle.stage as lifecycle_stage,
        coalesce(
            customer_rfm.segment,
            case when not people.is_anonymous and people.orders_count = 0 then prospects.segment end
        ) as rfm_segment,
        cast(people.record_count as integer) as record_count,
        cast(people.orders_count as integer) as orders_count,
        {{ money('coalesce(people.net_revenue, 0) - coalesce(unlinked_returns.amount_reporting, 0)') }}
            as net_revenue,
        consented.customer_id is not null as marketing_consent,
        people.is_anonymous,
        people.first_seen_at,
        people.last_seen_at,
        people.first_order_at,
        people.last_order_at
    from people
    cross join prospects
    left join consented on people.customer_id = consented.customer_id
    left join survivors on people.customer_id = survivors.customer_id
    left join aged on people.customer_id = aged.customer_id
    left join unlinked_returns on people.customer_id = unlinked_returns.customer_id
    left join first_touches on people.customer_id = first_touches.customer_id
    left join order_channels on people.customer_id = order_channels.customer_id
    left join customer_rfm on people.customer_id = customer_rfm.customer_id
    left join customer_lifecycle on people.customer_id = customer_lifecycle.customer_id

)

select * from final
