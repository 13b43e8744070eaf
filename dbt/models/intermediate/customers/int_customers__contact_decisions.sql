-- Grain: one row per contact point, channel and purpose that anybody decided about: the latest explicit decision.
-- Systems tell no date: a yes counts from the earliest moment it can be of, a no from the latest.
{{ config(materialized='table') }}

with asked as (

    {{ asked_consents() }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

comparable_values as (

    select * from {{ ref('int_customers__comparable_values') }}

),

contact_points as (

    select * from {{ ref('int_customers__contact_points') }}

),

messages as (

    select * from {{ ref('stg_exports__messages') }}

),

consents as (

    select * from {{ source('ops', 'consents') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

-- A record decides about the address and the number that it holds now.
held as (

    select
        'email' as contact_type,
        lower(trim(email)) as value,
        cast(null as varchar) as default_region,
        consent_email as is_allowed,
        created_at,
        updated_at
    from records
    where email is not null and consent_email is not null
    union all
    select
        'phone' as contact_type,
        trim(phone) as value,
        default_region,
        consent_sms as is_allowed,
        created_at,
        updated_at
    from records
    where phone is not null and consent_sms is not null

),

-- Of a yes and a no that two records hold now, the no stands: which of them came later nobody tells.
by_systems as (

    select
        held.contact_type,
        comparable_values.plain_value as contact,
        case held.contact_type when 'email' then 'email' else 'sms' end as channel,
        'marketing' as purpose,
        bool_and(held.is_allowed) as is_allowed,
        case
            when bool_and(held.is_allowed) then coalesce(min(held.created_at), timestamptz '1970-01-01 00:00:00+00')
            else coalesce(
                max(coalesce(held.updated_at, held.created_at)) filter (where not held.is_allowed),
                max(run_parameters.as_of)
            )
        end as decided_at,
        'system' as decided_by
    from held
    cross join run_parameters
    inner join comparable_values
        on
            held.contact_type = comparable_values.attribute
            and held.value = comparable_values.value
            and held.default_region is not distinct from comparable_values.default_region
    where comparable_values.plain_value is not null
    group by held.contact_type, comparable_values.plain_value

),

-- Who unsubscribed from a message leaves the channel, whichever of their contact points it had come to.
unsubscribed as (

    select
        members.customer_id,
        messages.channel,
        max(messages.occurred_at) as decided_at
    from messages
    inner join members
        on messages.system || '/' || messages.record_type || '/' || messages.source_record_id = members.record_key
    where messages.event = 'unsubscribed' and messages.channel in ('email', 'sms', 'wecom')
    group by members.customer_id, messages.channel

),

said as (

    select * from by_systems
    union all
    select
        contact_points.contact_type,
        contact_points.contact,
        unsubscribed.channel,
        'marketing' as purpose,
        false as is_allowed,
        unsubscribed.decided_at,
        'message' as decided_by
    from unsubscribed
    inner join contact_points
        on
            unsubscribed.customer_id = contact_points.customer_id
            and case unsubscribed.channel when 'email' then 'email' when 'sms' then 'phone' else 'union_id' end
            = contact_points.contact_type
    union all
    select
        consents.contact_type,
        consents.contact,
        consents.channel,
        consents.purpose,
        consents.is_allowed,
        consents.decided_at,
        'list' as decided_by
    from consents
    cross join run_parameters
    where consents.decided_at <= run_parameters.as_of

),

-- For advertisements a refusal of the contact's own channel counts, too, and so does the yes of a system, which names a
-- contact and no channel. Of two decisions at once a no stands.
final as (

    select
        asked.contact_type,
        said.contact,
        asked.channel,
        asked.purpose,
        said.is_allowed,
        said.decided_at,
        said.decided_by
    from said
    inner join asked
        on
            said.contact_type = asked.contact_type
            and said.purpose in (asked.purpose, '*')
            and (
                said.channel in (asked.channel, '*')
                or (said.channel = asked.own_channel and (not said.is_allowed or said.decided_by = 'system'))
            )
    qualify row_number() over (
        partition by asked.contact_type, said.contact, asked.channel, asked.purpose
        order by said.decided_at desc, said.is_allowed asc, said.decided_by asc
    ) = 1

)

select * from final
