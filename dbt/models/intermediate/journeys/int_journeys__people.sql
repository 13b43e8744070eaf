-- Grain: one row per person who ever entered a journey, with the fingerprint of the touches that matter to it.
{{ config(materialized='table') }}

with touches as (

    select * from {{ ref('int_journeys__touches') }}

),

final as (

    select
        customer_id,
        {{ group_fingerprint(['journey', 'step', 'is_end', 'touchpoint_id', 'touchpoint_rank', 'source_system',
                              'source_record_id', 'order_id', 'occurred_at']) }} as _fingerprint
    from touches
    group by customer_id
    having bool_or(step = 1)

)

select * from final
