-- Whoever an audience matched got the message or was left out for one reason; no contact point gets a message twice.
with exports as (
    select
        message_key,
        unnest(contact_hashes) as contact_hash
    from {{ ref('audience_exports') }}
),

unioned as (
    select
        message_key,
        contact_hash
    from exports
    union all
    select distinct
        message_key,
        contact_hash
    from {{ source('ops', 'audience_messages_before') }}
    where contact_hash in (select exports.contact_hash from exports)
),

twice as (
    select message_key
    from unioned
    group by message_key, contact_hash
    having count(*) > 1
)

select
    audience,
    'numbers do not add up' as problem
from {{ ref('audiences') }}
where
    matched - exported
    <> no_contact_point + global_opt_out + suppressed + no_consent + contaminated + held_out + already_sent + capped
union all
select
    message_key as audience,
    'a message would be sent twice' as problem
from twice
