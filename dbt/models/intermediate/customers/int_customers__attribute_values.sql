-- Grain: one row per customer, attribute and differing value; place 1 survives (source trust, newest, record key).
{{ config(materialized='table') }}

with members as (

    select * from {{ ref('int_identity__members') }}

),

statements as (

    select * from {{ ref('int_customers__statements') }}

),

comparable_values as (

    select * from {{ ref('int_customers__comparable_values') }}

),

identifier_values as (

    select * from {{ ref('int_identity__values') }}

),

source_trust as (

    select * from {{ ref('source_trust') }}

),

-- A number that more people state than one number can have is a placeholder that no list names yet.
usable as (

    select
        statements.record_key,
        statements.source_system,
        statements.attribute,
        statements.value,
        statements.asserted_at,
        comparable_values.plain_value
    from statements
    inner join comparable_values
        on
            statements.attribute = comparable_values.attribute
            and statements.value = comparable_values.value
            and statements.default_region is not distinct from comparable_values.default_region
    left join identifier_values
        on
            statements.attribute = identifier_values.type
            and comparable_values.plain_value = identifier_values.value
            and identifier_values.status in ('hub', 'blocked')
    where comparable_values.plain_value is not null and identifier_values.value is null

),

-- A source without a line comes after all that have one.
ranked as (

    select
        members.customer_id,
        usable.attribute,
        usable.plain_value,
        usable.value,
        usable.source_system,
        usable.record_key,
        usable.asserted_at,
        row_number() over (
            partition by members.customer_id, usable.attribute
            order by
                source_trust.rank asc nulls last,
                usable.asserted_at desc nulls last,
                usable.record_key asc,
                usable.value asc
        ) as statement_place
    from usable
    inner join members on usable.record_key = members.record_key
    left join source_trust
        on usable.attribute = source_trust.attribute and usable.source_system = source_trust.source_system

),

best as (

    select * from ranked
    qualify row_number() over (partition by customer_id, attribute, plain_value order by statement_place) = 1

),

final as (

    select
        customer_id,
        attribute,
        plain_value,
        value,
        source_system,
        record_key,
        row_number() over (partition by customer_id, attribute order by statement_place) as place,
        count(*) over (partition by customer_id, attribute) as distinct_values,
        asserted_at
    from best

)

select * from final
