-- Grain: one row per message that counts for a person of tonight's audiences: of the log, or of earlier files.
-- A message counts for whoever holds the contact point it went to, and for whom it was meant.
{{ config(materialized='table') }}

with people as (

    select distinct customer_id from {{ ref('int_audiences__matched') }}

),

contact_points as (

    select * from {{ ref('int_customers__contact_points') }}

),

exported as (

    select * from {{ source('ops', 'audience_messages_before') }}

),

published_customers as (

    select * from {{ ref('int_identity__published_customers') }}

),

messages as (

    select * from {{ ref('messages') }}
    where event <> 'unsubscribed' and customer_id is not null

),

contact_policy as (

    select * from {{ source('ops', 'contact_policy') }}

),

rules as (

    select * from {{ source('ops', 'audience_rules') }}
    where error is null

),

keys as (

    select * from {{ source('ops', 'audience_keys') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

hashed as (

    select
        contact_points.customer_id,
        {{ contact_hash('contact_points.contact_type', 'contact_points.contact', 'keys') }} as contact_hash
    from contact_points
    inner join people on contact_points.customer_id = people.customer_id
    cross join keys
    where exists (select 1 from exported)

),

whose as (

    select
        hashed.customer_id,
        exported.audience,
        exported.channel,
        exported.message_key,
        exported.exported_at as sent_at
    from exported
    inner join hashed on exported.contact_hash = hashed.contact_hash
    union
    select
        published_customers.current_customer_id,
        exported.audience,
        exported.channel,
        exported.message_key,
        exported.exported_at as sent_at
    from exported
    inner join published_customers on exported.customer_id = published_customers.customer_id
    inner join people on published_customers.current_customer_id = people.customer_id

),

-- The log names messages by template or campaign. Only what a cap or a key can ask of it is looked at.
logged as (

    select
        messages.customer_id,
        messages.source_system,
        messages.message_id,
        messages.channel,
        max(messages.template) as template,
        max(messages.campaign) as campaign,
        min(messages.occurred_at) as sent_at
    from messages
    inner join people on messages.customer_id = people.customer_id
    cross join run_parameters
    where
        messages.occurred_at <= run_parameters.as_of
        and (
            epoch(run_parameters.as_of) - epoch(messages.occurred_at)
            < (select max(contact_policy.per_days) * 86400 from contact_policy)
            or messages.template in (select rules.message_key from rules)
            or messages.campaign in (select rules.message_key from rules)
        )
    group by messages.customer_id, messages.source_system, messages.message_id, messages.channel

),

final as (

    select
        customer_id,
        audience,
        channel,
        [message_key] as message_keys,
        sent_at
    from whose
    union all
    -- What was sent of our files comes back in the log, and is no second message.
    select
        logged.customer_id,
        null as audience,
        logged.channel,
        list_distinct([logged.template, logged.campaign]) as message_keys,
        logged.sent_at
    from logged
    where
        not exists (
            select 1 from whose
            where
                whose.customer_id = logged.customer_id
                and whose.channel = logged.channel
                and whose.message_key in (logged.template, logged.campaign)
        )

)

select * from final
