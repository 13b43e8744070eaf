-- Grain: one row per person and attribute that is known of them: where its value comes from, and whether others differ.
{{ config(materialized='table') }}

with attributes as (

    select * from {{ ref('int_customers__attributes') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

final as (

    select
        attributes.customer_id,
        attributes.attribute,
        attributes.source_system,
        members.record_type,
        members.published_record_id as source_record_id,
        cast(attributes.distinct_values as integer) as distinct_values,
        attributes.distinct_values > 1 as is_conflicting,
        attributes.asserted_at
    from attributes
    inner join members on attributes.record_key = members.record_key

)

select * from final
