-- Grain: one row per person, channel and purpose through which nothing may reach them: all refused, or suppressed.
{{ config(materialized='table') }}

with asked as (

    select distinct
        channel,
        purpose
    from ({{ asked_consents() }}) as asked_consents

),

members as (

    select * from {{ ref('int_identity__members') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

contact_points as (

    select * from {{ ref('int_customers__contact_points') }}

),

consents as (

    select * from {{ source('ops', 'consents') }}

),

suppressions as (

    select * from {{ source('ops', 'suppressions') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

-- What was last said of a contact point as a whole.
wholly_decided as (

    select
        consents.contact_type,
        consents.contact
    from consents
    cross join run_parameters
    where
        consents.channel = '*' and consents.purpose = '*'
        and consents.decided_at <= run_parameters.as_of
    group by consents.contact_type, consents.contact
    having not arg_max(consents.is_allowed, (consents.decided_at, not consents.is_allowed))

),

-- Whoever refused every channel on one of their records, or for one of their contact points, opted out of everything.
opted_out as (

    select members.customer_id
    from records
    inner join members on records.record_key = members.record_key
    where not records.consent_email and not records.consent_sms
    union
    select contact_points.customer_id
    from wholly_decided
    inner join contact_points
        on
            wholly_decided.contact_type = contact_points.contact_type
            and wholly_decided.contact = contact_points.contact

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

),

blocks as (

    select
        opted_out.customer_id,
        asked.channel,
        asked.purpose,
        'global_opt_out' as reason
    from opted_out
    cross join asked
    union all
    select
        suppressed.customer_id,
        asked.channel,
        asked.purpose,
        'suppressed' as reason
    from suppressed
    inner join asked
        on suppressed.channel in (asked.channel, '*') and suppressed.purpose in (asked.purpose, '*')

),

-- An opt-out is named before a suppression.
final as (

    select
        customer_id,
        channel,
        purpose,
        min(reason) as reason
    from blocks
    group by customer_id, channel, purpose

)

select * from final
