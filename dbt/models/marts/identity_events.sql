-- Grain: one row per thing that ever happened to a published customer id: born, merged, split and the like.
{{ config(materialized='table') }}

with earlier as (

    select * from {{ source('ops', 'identity_events_before') }}

),

tonight as (

    select * from {{ ref('int_identity__changes') }}

),

unioned as (

    select
        night,
        occurred_at,
        event,
        customer_id,
        other_customer_id,
        cause,
        is_anonymous
    from earlier
    union all
    select
        night,
        occurred_at,
        event,
        customer_id,
        other_customer_id,
        cause,
        is_anonymous
    from tonight

),

final as (

    select
        customer_id,
        other_customer_id,
        event,
        cause,
        night,
        is_anonymous,
        occurred_at
    from unioned

)

select * from final
order by night, event, customer_id, other_customer_id
