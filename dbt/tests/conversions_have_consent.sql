-- Nobody is named to an advertising platform without consent: neither the person by a click, nor a contact by its hash.
with uploads as (
    select * from {{ ref('conversion_uploads') }}
    where coalesce(click_id, hashed_email, hashed_phone) is not null
),

people as (
    select * from {{ ref('customers') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
),

members as (
    select * from {{ ref('int_identity__members') }}
),

opted_out as (
    select members.customer_id
    from records
    inner join members on records.record_key = members.record_key
    where not records.consent_email and not records.consent_sms
),

-- What records of the person, or the company's own list, say yes to; a hash has to come from a channel that some did.
said as (
    select
        members.customer_id,
        records.consent_email and records.email is not null as allows_email,
        records.consent_sms and records.phone is not null as allows_phone
    from records
    inner join members on records.record_key = members.record_key
    union all
    select
        contact_points.customer_id,
        consents.contact_type = 'email' as allows_email,
        consents.contact_type = 'phone' as allows_phone
    from {{ source('ops', 'consents') }} as consents
    inner join {{ ref('int_customers__contact_points') }} as contact_points
        on consents.contact_type = contact_points.contact_type and consents.contact = contact_points.contact
    where consents.is_allowed and consents.channel in ('ads', '*')
),

allowed as (
    select
        customer_id,
        bool_or(allows_email) as allows_email,
        bool_or(allows_phone) as allows_phone
    from said
    group by customer_id
)

select uploads.*
from uploads
left join people on uploads.customer_id = people.customer_id
left join allowed on uploads.customer_id = allowed.customer_id
where
    not coalesce(people.marketing_consent, false)
    or uploads.customer_id in (select opted_out.customer_id from opted_out)
    or (uploads.hashed_email is not null and not coalesce(allowed.allows_email, false))
    or (uploads.hashed_phone is not null and not coalesce(allowed.allows_phone, false))
