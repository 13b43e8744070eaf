-- Nobody is written to without consent: each line of the files has a yes of its contact point, its person no opt-out.
with exports as (
    select * from {{ ref('audience_exports') }}
),

rules as (
    select * from {{ source('ops', 'audience_rules') }}
    where error is null
),

contact_points as (
    select * from {{ ref('int_customers__contact_points') }}
),

decisions as (
    select * from {{ ref('int_customers__contact_decisions') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
),

members as (
    select * from {{ ref('int_identity__members') }}
),

suppressions as (
    select * from {{ source('ops', 'suppressions') }}
),

arms as (
    select * from {{ ref('audience_members') }}
),

run_parameters as (
    select * from {{ source('ops', 'run_parameters') }}
),

named as (
    select
        exports.audience,
        exports.customer_id,
        rules.consent_channel,
        rules.purpose,
        unnest(
            case rules.consent_channel
                when 'email' then ['email'] when 'sms' then ['phone'] when 'wecom' then ['union_id']
                else list_filter(
                    [
                        case when exports.hashed_email is not null then 'email' end,
                        case when exports.hashed_phone is not null then 'phone' end
                    ],
                    contact_type -> contact_type is not null
                )
            end
        ) as contact_type,
        coalesce(exports.email, exports.phone, exports.union_id) as address
    from exports
    inner join rules on exports.audience = rules.audience
),

-- A contact point of theirs, the very one where the file names it, of which the last word is a yes.
consented as (
    select distinct
        named.audience,
        named.customer_id,
        named.contact_type
    from named
    inner join contact_points
        on
            named.customer_id = contact_points.customer_id
            and named.contact_type = contact_points.contact_type
            and coalesce(named.address, contact_points.address) = contact_points.address
    inner join decisions
        on
            contact_points.contact_type = decisions.contact_type
            and contact_points.contact = decisions.contact
            and named.consent_channel = decisions.channel
            and named.purpose = decisions.purpose
    where decisions.is_allowed
),

opted_out as (
    select members.customer_id
    from records
    inner join members on records.record_key = members.record_key
    where not records.consent_email and not records.consent_sms
),

suppressed as (
    select
        contact_points.customer_id,
        suppressions.channel,
        suppressions.purpose
    from suppressions
    cross join run_parameters
    inner join contact_points
        on
            suppressions.contact_type = contact_points.contact_type
            and suppressions.contact = contact_points.contact
    where suppressions.suppressed_at <= run_parameters.as_of
)

select named.*
from named
left join consented
    on
        named.audience = consented.audience
        and named.customer_id = consented.customer_id
        and named.contact_type = consented.contact_type
left join arms on named.audience = arms.audience and named.customer_id = arms.customer_id
where
    consented.customer_id is null
    or arms.arm is distinct from 'contacted'
    or named.customer_id in (select opted_out.customer_id from opted_out)
    or exists (
        select 1 from suppressed
        where
            suppressed.customer_id = named.customer_id
            and suppressed.channel in (named.consent_channel, '*')
            and suppressed.purpose in (named.purpose, '*')
    )
