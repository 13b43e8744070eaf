-- Grain: one row per known person and lifecycle stage entered.
{{ config(materialized='table') }}

with order_gaps as (

    select * from {{ ref('int_customers__order_gaps') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

known_customers as (

    select
        members.customer_id,
        min(records.first_seen_at) as first_seen_at
    from members
    inner join records on members.record_key = records.record_key
    where not members.is_anonymous
    group by members.customer_id

),

first_orders as (

    select
        customer_id,
        ordered_at
    from order_gaps
    where qualifying_number = 1

),

prospects as (

    select
        known_customers.customer_id,
        'prospect' as stage,
        'first seen' as reason,
        known_customers.first_seen_at as entered_at,
        first_orders.ordered_at as left_at
    from known_customers
    left join first_orders on known_customers.customer_id = first_orders.customer_id
    where first_orders.ordered_at is null or known_customers.first_seen_at < first_orders.ordered_at

),

with_previous as (

    select
        *,
        lag(dormant_at) over (partition by customer_id order by qualifying_number) as previous_dormant_at
    from order_gaps

),

after_orders as (

    select
        customer_id,
        case
            when qualifying_number = 1 then 'new'
            when ordered_at >= previous_dormant_at then 'won_back'
            else 'active'
        end as stage,
        case
            when qualifying_number = 1 then 'first order'
            when ordered_at >= previous_dormant_at then 'order after long silence'
            else 'repeat order'
        end as reason,
        ordered_at as entered_at,
        least(at_risk_at, coalesce(next_ordered_at, at_risk_at)) as left_at
    from with_previous

),

silences as (

    select
        customer_id,
        'at_risk' as stage,
        'silence' as reason,
        at_risk_at as entered_at,
        dormant_at as until_at,
        next_ordered_at
    from order_gaps
    union all
    select
        customer_id,
        'dormant' as stage,
        'silence' as reason,
        dormant_at,
        lost_at,
        next_ordered_at
    from order_gaps
    union all
    select
        customer_id,
        'lost' as stage,
        'silence' as reason,
        lost_at,
        null as until_at,
        next_ordered_at
    from order_gaps

),

after_silence as (

    select
        customer_id,
        stage,
        reason,
        entered_at,
        least(coalesce(until_at, next_ordered_at), coalesce(next_ordered_at, until_at)) as left_at
    from silences
    where next_ordered_at is null or entered_at < next_ordered_at

),

stages as (

    select * from prospects
    union all
    select * from after_orders
    union all
    select * from after_silence

),

final as (

    -- A stage appears, and is left, when the as-of reaches its time.
    -- Two orders at one instant leave nothing between them.
    select
        stages.customer_id,
        stages.stage,
        stages.reason,
        stages.entered_at,
        case when stages.left_at <= run_parameters.as_of then stages.left_at end as left_at
    from stages
    cross join run_parameters
    where
        stages.entered_at <= run_parameters.as_of
        and (stages.left_at is null or stages.left_at > stages.entered_at)

)

select * from final
