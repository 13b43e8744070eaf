-- Grain: one row per source record of a mapped export that may stand for a person.
{{ config(materialized='table') }}
{%- set buyer_details = [
    'given_name', 'family_name', 'birth_date', 'gender', 'street', 'city', 'province', 'postcode', 'country',
] %}

with customers as (

    select * from {{ ref('stg_exports__customers') }}

),

tickets as (

    select * from {{ ref('stg_exports__tickets') }}

),

buyers as (

    select * from {{ ref('int_exports__buyers') }}

),

contacts as (

    select * from {{ ref('stg_identity_contacts') }}

),

loads as (

    select
        load_id,
        min(as_of) as known_at
    from {{ source('ops', 'loads') }}
    group by load_id

),

-- Whoever the rows of mapped exports name, what identified them, and since when they are known.
named as (

    select
        contacts.source_system,
        contacts.record_type,
        contacts.source_record_id,
        bool_or(contacts.contact_type = 'record') as is_named,
        arg_max(contacts.contact_value, (contacts.last_version_at, contacts.contact_value)) filter (
            where contacts.contact_type = 'email'
        ) as email,
        arg_max(contacts.contact_value, (contacts.last_version_at, contacts.contact_value)) filter (
            where contacts.contact_type = 'phone'
        ) as phone,
        arg_min(contacts.first_delivered_at, (contacts._load_id, contacts.first_delivered_at)) filter (
            where contacts.contact_type in ('record', 'buyer')
        ) as created_at,
        min(loads.known_at) as known_at
    from contacts
    left join loads on contacts._load_id = loads.load_id
    group by contacts.source_system, contacts.record_type, contacts.source_record_id
    having bool_or(contacts.contact_type in ('record', 'buyer'))

),

buyer_records as (

    select
        source_system,
        record_type,
        source_record_id,
        {%- for column in ['full_name'] + buyer_details %}
        arg_max({{ column }}, (ordered_at, order_id)) filter (where {{ column }} is not null) as {{ column }},
        {%- endfor %}
        max(ordered_at) as updated_at
    from buyers
    group by source_system, record_type, source_record_id

),

ticket_names as (

    select
        system as source_system,
        record_type,
        source_record_id,
        arg_max(full_name, (created_at, ticket_id)) as full_name
    from tickets
    where full_name is not null and record_type is not null
    group by system, record_type, source_record_id

),

final as (

    select
        named.source_system,
        named.record_type,
        named.source_record_id,
        coalesce(customers.full_name, buyer_records.full_name, ticket_names.full_name) as full_name,
        {%- for column in buyer_details %}
        coalesce(customers.{{ column }}, buyer_records.{{ column }}) as {{ column }},
        {%- endfor %}
        case when customers.customer_key is null then named.email else customers.email end as email,
        case when customers.customer_key is null then named.phone else customers.phone end as phone,
        named.record_type in ('device', 'click') as is_anonymous,
        customers.consent_email,
        customers.consent_sms,
        -- The number of an order is the shop's and says nothing of the buyer.
        named.record_type not in ('guest_order', 'name_only') and not {{ is_plain_id('named.source_record_id') }}
            as has_personal_id,
        -- Whom no export gives a time is known since the run that took them in.
        coalesce(customers.created_at, named.created_at, named.known_at) as created_at,
        coalesce(
            customers.updated_at,
            customers.created_at,
            buyer_records.updated_at,
            named.created_at,
            named.known_at
        ) as updated_at
    from named
    left join customers
        on
            named.record_type = customers.record_type
            and named.source_system = customers.system
            and named.source_record_id = customers.customer_key
    left join buyer_records
        on
            named.record_type = buyer_records.record_type
            and named.source_system = buyer_records.source_system
            and named.source_record_id = buyer_records.source_record_id
    left join ticket_names
        on
            named.record_type = ticket_names.record_type
            and named.source_system = ticket_names.source_system
            and named.source_record_id = ticket_names.source_record_id
    where named.is_named or buyer_records.source_record_id is not null

)

select * from final
