-- Grain: one row per customer and attribute: the value that survives.
{{ config(materialized='view') }}

with attribute_values as (

    select * from {{ ref('int_customers__attribute_values') }}

),

final as (

    select
        customer_id,
        attribute,
        value,
        source_system,
        record_key,
        distinct_values,
        asserted_at
    from attribute_values
    where place = 1

)

select * from final
