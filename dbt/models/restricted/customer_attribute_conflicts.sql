-- Grain: one row per person, attribute and value, where sources differ: which value stands and which ones lost.
{{ config(materialized='table') }}

with attribute_values as (

    select * from {{ ref('int_customers__attribute_values') }}
    where distinct_values > 1

),

members as (

    select * from {{ ref('int_identity__members') }}

),

final as (

    select
        attribute_values.customer_id,
        attribute_values.attribute,
        attribute_values.value,
        attribute_values.source_system,
        members.record_type,
        members.published_record_id as source_record_id,
        cast(attribute_values.place as integer) as place,
        attribute_values.place = 1 as is_surviving,
        attribute_values.asserted_at
    from attribute_values
    inner join members on attribute_values.record_key = members.record_key

)

select * from final
