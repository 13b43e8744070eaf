-- Grain: one row per known person and e-mail address or phone that may be used for marketing.
-- Consent is the contact's, a refusal is the person's: what is doubtful may not be used.
{{ config(materialized='table') }}

with members as (

    select * from {{ ref('int_identity__members') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

contacts as (

    select * from {{ ref('int_customers__attribute_values') }}
    where attribute in ('email', 'phone')

),

comparable_values as (

    select * from {{ ref('int_customers__comparable_values') }}

),

messages as (

    select * from {{ ref('stg_exports__messages') }}

),

-- A record decides about the address and the number that it holds now.
decided as (

    select
        record_key,
        'email' as contact_type,
        lower(trim(email)) as value,
        cast(null as varchar) as default_region,
        consent_email as is_allowed
    from records
    where email is not null and consent_email is not null
    union all
    select
        record_key,
        'phone' as contact_type,
        trim(phone) as value,
        default_region,
        consent_sms as is_allowed
    from records
    where phone is not null and consent_sms is not null

),

-- Sources do not tell when consent was given. So of a yes and a no about one contact, the no stands.
decisions as (

    select
        members.customer_id,
        decided.contact_type,
        comparable_values.plain_value,
        bool_and(decided.is_allowed) as is_allowed
    from decided
    inner join members on decided.record_key = members.record_key
    inner join comparable_values
        on
            decided.contact_type = comparable_values.attribute
            and decided.value = comparable_values.value
            and decided.default_region is not distinct from comparable_values.default_region
    where comparable_values.plain_value is not null
    group by members.customer_id, decided.contact_type, comparable_values.plain_value

),

-- Whoever refused every channel on one of their records opted out of everything.
opted_out as (

    select distinct members.customer_id
    from records
    inner join members on records.record_key = members.record_key
    where not records.consent_email and not records.consent_sms

),

unsubscribed as (

    select distinct
        members.customer_id,
        case messages.channel when 'email' then 'email' when 'sms' then 'phone' end as contact_type
    from messages
    inner join members
        on messages.system || '/' || messages.record_type || '/' || messages.source_record_id = members.record_key
    where messages.event = 'unsubscribed' and messages.channel in ('email', 'sms')

),

-- A number that was passed on names somebody else by now.
own_contacts as (

    select * from contacts
    qualify count(*) over (partition by attribute, plain_value) = 1

),

final as (

    select
        own_contacts.customer_id,
        own_contacts.attribute as contact_type,
        own_contacts.value,
        own_contacts.plain_value,
        cast(own_contacts.place as integer) as place
    from own_contacts
    inner join decisions
        on
            own_contacts.customer_id = decisions.customer_id
            and own_contacts.attribute = decisions.contact_type
            and own_contacts.plain_value = decisions.plain_value
    left join opted_out on own_contacts.customer_id = opted_out.customer_id
    left join unsubscribed
        on
            own_contacts.customer_id = unsubscribed.customer_id
            and own_contacts.attribute = unsubscribed.contact_type
    where decisions.is_allowed and opted_out.customer_id is null and unsubscribed.customer_id is null

)

select * from final
