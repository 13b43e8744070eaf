-- Grain: one row per source record: the customer it belongs to and why.
{{ config(materialized='table') }}

with members as (

    select * from {{ ref('int_identity__members') }}

),

final as (

    select
        source_system,
        record_type,
        published_record_id as source_record_id,
        customer_id,
        match_rule,
        match_confidence,
        is_anonymous,
        linked_at
    from members

)

select * from final
