-- Grain: one row per person and contact point that a record of theirs ever held, in one spelling.
{{ config(materialized='table') }}

with members as (

    select * from {{ ref('int_identity__members') }}

),

attribute_values as (

    select * from {{ ref('int_customers__attribute_values') }}
    where attribute in ('email', 'phone')

),

assertions as (

    select * from {{ ref('int_identity__assertions') }}
    where type = 'union_id'

),

identifier_values as (

    select * from {{ ref('int_identity__values') }}
    where type = 'union_id' and status in ('hub', 'blocked')

),

union_ids as (

    select
        members.customer_id,
        trim(assertions.value) as contact,
        max(assertions.last_at) as last_at
    from assertions
    inner join members on assertions.record_key = members.record_key
    left join identifier_values on trim(assertions.value) = identifier_values.value
    where trim(assertions.value) <> '' and identifier_values.value is null
    group by members.customer_id, trim(assertions.value)

),

listed as (

    select
        customer_id,
        attribute as contact_type,
        plain_value as contact,
        value,
        cast(place as integer) as place
    from attribute_values
    union all
    select
        customer_id,
        'union_id' as contact_type,
        contact,
        contact as value,
        cast(
            row_number() over (partition by customer_id order by last_at desc nulls last, contact asc) as integer
        ) as place
    from union_ids

),

final as (

    select
        customer_id,
        contact_type,
        contact,
        value,
        {{ address_of('contact_type', 'value', 'contact') }} as address,
        place,
        count(*) over (partition by contact_type, contact) > 1 as is_shared
    from listed

)

select * from final
