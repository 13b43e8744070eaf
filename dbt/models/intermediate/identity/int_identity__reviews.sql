-- Grain: one row per thing that people are asked to decide about identity: a pair of customers or a value.
{{ config(materialized='view') }}

with clusters as (

    select * from {{ ref('int_identity__clusters') }}
    where part = 'review'

),

final as (

    select
        reason,
        left_record,
        right_record,
        type,
        value,
        value_hash,
        score
    from clusters

)

select * from final
