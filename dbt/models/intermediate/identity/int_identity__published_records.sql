-- Grain: one row per record ever published: its id in the last publication, and the id it was last seen with.
{{ config(materialized='table') }}

with decisions as (

    select * from {{ source('ops', 'identity_decisions') }}

),

final as (

    select
        record_key,
        -- Someone who was gone from the last publication has no id in it.
        case
            when max(night) = max(night) filter (where customer_id is not null) then arg_max(customer_id, night)
        end as customer_id,
        arg_max(customer_id, night) as last_customer_id,
        min(night) as birth_night,
        arg_max(linked_at, night) as last_linked_at
    from decisions
    group by record_key

)

select * from final
