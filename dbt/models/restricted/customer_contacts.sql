-- Grain: one row per known person with a name or a way to reach them.
{{ config(materialized='table') }}

with customers as (

    select * from {{ ref('customers') }}

),

attributes as (

    select * from {{ ref('int_customers__attributes') }}

),

final as (

    select
        customers.customer_id,
        max(attributes.value) filter (where attributes.attribute = 'full_name') as full_name,
        max(attributes.value) filter (where attributes.attribute = 'phone') as phone,
        max(attributes.value) filter (where attributes.attribute = 'email') as email
    from customers
    inner join attributes on customers.customer_id = attributes.customer_id
    where not customers.is_anonymous and attributes.attribute in ('full_name', 'phone', 'email')
    group by customers.customer_id

)

select * from final
