-- Grain: one row per person who ever entered a journey, with the fingerprint of the touches and orders it hangs on.
{{ config(materialized='table') }}

with first_touches as (

    {{ journey_touches(first_steps=true) }}

),

entered as (

    select distinct customer_id
    from first_touches

),

journeys as (

    select * from {{ ref('journeys') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

types as (

    select unnest(string_split(touchpoint_types, '|')) as touchpoint_type from journeys
    union
    select unnest(string_split(ended_by, '|')) as touchpoint_type from journeys

),

-- A touchpoint's fingerprint covers all that is asked of it here; which steps it makes hangs on the orders before it.
said as (

    select
        touchpoints.customer_id,
        {{ group_fingerprint(['touchpoints.touchpoint_id', 'touchpoints._fingerprint']) }} as fingerprint
    from {{ ref('touchpoints') }} as touchpoints
    semi join types on touchpoints.touchpoint_type = types.touchpoint_type
    cross join run_parameters
    where touchpoints.occurred_at <= run_parameters.as_of
    group by touchpoints.customer_id
    union all
    select
        customer_id,
        {{ group_fingerprint(['order_id', 'ordered_at', 'customer_order_number']) }} as fingerprint
    from {{ ref('orders') }}
    where customer_order_number is not null
    group by customer_id

),

final as (

    select
        said.customer_id,
        {{ group_fingerprint(['said.fingerprint']) }} as _fingerprint
    from said
    inner join entered on said.customer_id = entered.customer_id
    group by said.customer_id

)

select * from final
