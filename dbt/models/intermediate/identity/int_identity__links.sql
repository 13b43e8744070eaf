-- Grain: one row per accepted link between two records.
{{ config(materialized='view') }}

with clusters as (

    select * from {{ ref('int_identity__clusters') }}
    where part = 'link'

),

final as (

    select
        record_key,
        other_record_key,
        type,
        value,
        value_hash,
        customer_id,
        confidence,
        in_tree
    from clusters

)

select * from final
