-- Grain: one row per identifier value: how many records carry it and whether it may link.
{{ config(materialized='view') }}

with clusters as (

    select * from {{ ref('int_identity__clusters') }}
    where part = 'value'

),

final as (

    select
        type,
        value,
        status,
        reason,
        carriers
    from clusters

)

select * from final
