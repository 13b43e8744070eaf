-- Grain: one row per customer and attribute: the value that survives (source trust, then newest, then record key).
{{ config(materialized='table') }}
{%- set attributes = ['full_name', 'email', 'phone', 'gender', 'city', 'country', 'member_level', 'birth_date'] %}

with members as (

    select * from {{ ref('int_identity__members') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

blocked_values as (

    select * from {{ ref('identity_blocked_values') }}

),

source_trust as (

    select * from {{ ref('source_trust') }}

),

cleaned as (

    select
        record_key,
        source_system,
        updated_at,
        nullif(trim(full_name), '') as full_name,
        nullif(trim(lower(email)), '') as email,
        nullif(trim(phone), '') as phone,
        case
            when lower(trim(gender)) in ('f', 'female', 'w', 'woman', 'weiblich', '女') then 'female'
            when lower(trim(gender)) in ('m', 'male', 'man', 'männlich', '男') then 'male'
            else nullif(lower(trim(gender)), '')
        end as gender,
        nullif(trim(city), '') as city,
        nullif(trim(country), '') as country,
        nullif(trim(member_level), '') as member_level,
        cast(birth_date as varchar) as birth_date
    from records

),

stated as (

    {% for attribute in attributes -%}
    select
        record_key,
        source_system,
        '{{ attribute }}' as attribute,
        {{ attribute }} as value,
        updated_at
    from cleaned
    where {{ attribute }} is not null
    {% if not loop.last %}union all
    {% endif %}
    {%- endfor %}

),

-- Placeholders never win. Phones are compared by their digits, with and without China's prefix.
contact_values as (

    select distinct
        attribute,
        value,
        case attribute when 'phone' then regexp_replace(value, '[^0-9]', '', 'g') else value end as plain_value
    from stated
    where attribute in ('phone', 'email')

),

blocked_contacts as (

    select
        contact_values.attribute,
        contact_values.value
    from contact_values
    inner join blocked_values
        on
            blocked_values.type in (contact_values.attribute, '*')
            and regexp_replace(contact_values.plain_value, '^86(1[0-9]{10})$', '\1') = lower(blocked_values.value)
    where lower(blocked_values.is_pattern) not in ('y', 'yes', 'true')
    union
    select
        attribute,
        value
    from contact_values
    where
        (attribute = 'phone' and regexp_full_match(plain_value, {{ blocked_pattern('phone') }}))
        or (attribute = 'email' and regexp_full_match(plain_value, {{ blocked_pattern('email') }}))

),

usable as (

    select stated.*
    from stated
    left join blocked_contacts
        on stated.attribute = blocked_contacts.attribute and stated.value = blocked_contacts.value
    where blocked_contacts.value is null

),

final as (

    select
        members.customer_id,
        usable.attribute,
        usable.value,
        usable.source_system,
        usable.record_key
    from usable
    inner join members on usable.record_key = members.record_key
    left join source_trust
        on usable.attribute = source_trust.attribute and usable.source_system = source_trust.source_system
    qualify row_number() over (
        partition by members.customer_id, usable.attribute
        order by coalesce(source_trust.rank, 99) asc, usable.updated_at desc nulls last, usable.record_key asc
    ) = 1

)

select * from final
