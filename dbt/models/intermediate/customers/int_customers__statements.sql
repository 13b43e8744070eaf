-- Grain: one row per source record, attribute of a person and value that the record states or stated.
{{ config(materialized='table') }}
{%- set attributes = ['full_name', 'gender', 'city', 'country', 'member_level', 'birth_date'] %}

with records as (

    select
        record_key,
        source_system,
        default_region,
        nullif(trim(full_name), '') as full_name,
        case
            when lower(trim(gender)) in ('f', 'female', 'w', 'woman', 'weiblich', '女') then 'female'
            when lower(trim(gender)) in ('m', 'male', 'man', 'männlich', '男') then 'male'
            when lower(trim(gender)) in ('x', 'd', 'other', 'diverse', 'divers', 'non-binary') then 'other'
            else nullif(lower(trim(gender)), '')
        end as gender,
        nullif(trim(city), '') as city,
        nullif(trim(country), '') as country,
        nullif(trim(member_level), '') as member_level,
        cast(birth_date as varchar) as birth_date,
        last_seen_at
    from {{ ref('int_identity__records') }}

),

assertions as (

    select * from {{ ref('int_identity__assertions') }}
    where type in ('phone', 'email') and value is not null

),

-- What a record says is asserted until it was last used or changed; contacts it held earlier, until it gave them up.
stated as (

    select
        records.record_key,
        records.source_system,
        records.default_region,
        assertions.type as attribute,
        case assertions.type when 'email' then lower(trim(assertions.value)) else trim(assertions.value) end as value,
        assertions.last_at as asserted_at
    from assertions
    inner join records on assertions.record_key = records.record_key
    {%- for attribute in attributes %}
    union all
    select
        record_key,
        source_system,
        default_region,
        '{{ attribute }}' as attribute,
        {{ attribute }} as value,
        last_seen_at as asserted_at
    from records
    where {{ attribute }} is not null
    {%- endfor %}

),

final as (

    select
        record_key,
        source_system,
        attribute,
        value,
        case when attribute = 'phone' then default_region end as default_region,
        max(asserted_at) as asserted_at
    from stated
    group by all

)

select * from final
