-- Grain: one row per customer and attribute: the value that survives (source trust, then newest, then record key).
{{ config(materialized='table') }}

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

stated as (

    unpivot (
        select
            record_key,
            source_system,
            updated_at,
            nullif(trim(full_name), '') as full_name,
            nullif(trim(lower(email)), '') as email,
            nullif(trim(phone), '') as phone,
            nullif(trim(lower(gender)), '') as gender,
            nullif(trim(city), '') as city,
            nullif(trim(country), '') as country,
            nullif(trim(member_level), '') as member_level,
            cast(birth_date as varchar) as birth_date
        from records
    )
    on full_name, email, phone, gender, city, country, member_level, birth_date
    into name attribute value value

),

-- Placeholders never win.
usable as (

    select stated.*
    from stated
    left join blocked_values
        on
            stated.attribute = blocked_values.type
            and case
                when blocked_values.is_pattern in ('y', 'yes', 'true')
                    then regexp_full_match(
                        case stated.attribute when 'phone' then regexp_replace(stated.value, '[^0-9]', '', 'g') else stated.value end,
                        blocked_values.value
                    )
                when stated.attribute = 'phone' then ends_with(regexp_replace(stated.value, '[^0-9]', '', 'g'), blocked_values.value)
                else stated.value = lower(blocked_values.value)
            end
    where blocked_values.value is null

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
        order by coalesce(source_trust.rank, 99), usable.updated_at desc nulls last, usable.record_key
    ) = 1

)

select * from final
