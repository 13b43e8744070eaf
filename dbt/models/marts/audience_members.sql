-- Grain: one row per audience and person who ever could be reached for it.
{{ config(materialized='table') }}

with arms as (

    select * from {{ ref('int_audiences__arms') }}

),

members as (

    select * from {{ ref('int_audiences__members') }}

),

final as (

    select
        arms.audience,
        arms.customer_id,
        arms.arm,
        arms.member_since,
        members.customer_id is not null as is_member,
        case
            when members.customer_id is not null
                then coalesce(nullif(members.left_out, 'told_tonight'), 'exported')
        end as outcome
    from arms
    left join members on arms.audience = members.audience and arms.customer_id = members.customer_id

)

select * from final
order by audience, customer_id
