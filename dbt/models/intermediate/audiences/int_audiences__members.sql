-- Grain: one row per audience of tonight and person who fits it: gets the message, or is left out for one reason.
{{ config(materialized='table') }}

with eligibility as (

    select * from {{ ref('int_audiences__eligibility') }}

),

rules as (

    select * from {{ source('ops', 'audience_rules') }}
    where error is null

),

arms as (

    select * from {{ ref('int_audiences__arms') }}

),

messages as (

    select * from {{ ref('int_audiences__messages') }}

),

contact_policy as (

    select * from {{ source('ops', 'contact_policy') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

told as (

    select
        messages.customer_id,
        unnest(messages.message_keys) as message_key,
        case when messages.sent_at = run_parameters.as_of then messages.audience end as tonight_by
    from messages
    cross join run_parameters

),

-- A run of the same moment is the same night again: whom it exported then it shows as exported, and names no more.
told_once as (

    select
        customer_id,
        message_key,
        list(tonight_by) filter (where tonight_by is not null) as tonight_by
    from told
    group by customer_id, message_key

),

known as (

    select
        eligibility.* exclude (left_out),
        rules.line,
        rules.channel,
        rules.policy_purpose,
        rules.message_key,
        arms.arm,
        case
            when eligibility.left_out is not null then eligibility.left_out
            when arms.arm = 'contaminated' then 'contaminated'
            when arms.arm = 'held_out' then 'held_out'
            when list_contains(told_once.tonight_by, eligibility.audience) then 'told_tonight'
            when told_once.customer_id is not null then 'already_sent'
        end as left_out
    from eligibility
    inner join rules on eligibility.audience = rules.audience
    left join arms on eligibility.audience = arms.audience and eligibility.customer_id = arms.customer_id
    left join told_once
        on eligibility.customer_id = told_once.customer_id and rules.message_key = told_once.message_key

),

-- Two audiences of one night may have the same message; the one that stands first in the file sends it.
once as (

    select
        * replace (
            coalesce(
                left_out,
                case
                    when row_number() over (partition by customer_id, message_key, left_out is null order by line) > 1
                        then 'already_sent'
                end
            ) as left_out
        )
    from known

),

waiting as (

    select
        audience,
        customer_id,
        channel,
        policy_purpose,
        -- What the lines above send tonight counts, too.
        row_number() over (partition by customer_id, channel order by line) - 1 as sent_tonight
    from once
    where left_out is null

),

-- For each line of the policy.
lately as (

    select
        waiting.audience,
        waiting.customer_id,
        contact_policy.max_messages,
        count(messages.customer_id) + waiting.sent_tonight as messages
    from waiting
    inner join contact_policy
        on waiting.channel = contact_policy.channel and waiting.policy_purpose = contact_policy.purpose
    cross join run_parameters
    left join messages
        on
            waiting.customer_id = messages.customer_id
            and waiting.channel = messages.channel
            and epoch(messages.sent_at) > epoch(run_parameters.as_of) - contact_policy.per_days * 86400
    where contact_policy.max_messages is not null
    group by
        waiting.audience,
        waiting.customer_id,
        waiting.sent_tonight,
        contact_policy.per_days,
        contact_policy.max_messages

),

capped as (

    select distinct
        audience,
        customer_id
    from lately
    where messages >= max_messages

),

final as (

    select
        once.audience,
        once.customer_id,
        once.channel,
        once.policy_purpose,
        once.message_key,
        once.arm,
        coalesce(once.left_out, case when capped.customer_id is not null then 'capped' end) as left_out,
        once.email,
        once.email_contact,
        once.phone,
        once.union_id
    from once
    left join capped on once.audience = capped.audience and once.customer_id = capped.customer_id

)

select * from final
