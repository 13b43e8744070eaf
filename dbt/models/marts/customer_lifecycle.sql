-- Grain: one row per known person and lifecycle stage entered.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_moved_people() }}"
) }}

with people as (

    {{ missing_keys(ref('int_customers__lifecycle_people'), 'customer_id', 'built.left_at is null') }}

),

order_gaps as (

    {{ usual_gaps('people') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

with_previous as (

    select
        order_gaps.*,
        lag(order_gaps.dormant_at) over (
            partition by order_gaps.customer_id order by order_gaps.qualifying_number
        ) as previous_dormant_at
    from order_gaps

),

first_orders as (

    select
        customer_id,
        ordered_at
    from with_previous
    where qualifying_number = 1

),

prospects as (

    select
        people.customer_id,
        'prospect' as stage,
        'first seen' as reason,
        people.first_seen_at as entered_at
    from people
    left join first_orders on people.customer_id = first_orders.customer_id
    where first_orders.ordered_at is null or people.first_seen_at < first_orders.ordered_at

),

-- Of two orders at one instant, nothing lies between.
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
        ordered_at as entered_at
    from with_previous
    where next_ordered_at is null or ordered_at < next_ordered_at

),

boundaries as (

    select
        customer_id,
        next_ordered_at,
        unnest(['at_risk', 'dormant', 'lost']) as stage,
        unnest([at_risk_at, dormant_at, lost_at]) as entered_at
    from with_previous

),

after_silence as (

    select
        customer_id,
        stage,
        'silence' as reason,
        entered_at
    from boundaries
    where next_ordered_at is null or entered_at < next_ordered_at

),

stages as (

    select * from prospects
    union all
    select * from after_orders
    union all
    select * from after_silence

),

-- Whoever buys while active stays so, and enters nothing.
entered as (

    select *
    from stages
    qualify stage is distinct from lag(stage) over (partition by customer_id order by entered_at)

),

followed as (

    select
        *,
        lead(entered_at) over (partition by customer_id order by entered_at) as ends_at
    from entered

),

final as (

    -- A stage appears, and is left, when the as-of reaches its time.
    select
        followed.customer_id,
        followed.stage,
        followed.reason,
        followed.entered_at,
        case when followed.ends_at <= run_parameters.as_of then followed.ends_at end as left_at,
        case when followed.ends_at > run_parameters.as_of then followed.ends_at end as next_stage_at,
        people._fingerprint,
        current_timestamp as _loaded_at
    from followed
    inner join people on followed.customer_id = people.customer_id
    cross join run_parameters
    where followed.entered_at <= run_parameters.as_of

)

select * from final
