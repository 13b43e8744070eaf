-- Grain: one row per audience of tonight and person who fits it: what they may be reached by, or why they may not.
{{ config(materialized='table') }}

with matched as (

    select * from {{ ref('int_audiences__matched') }}

),

rules as (

    select * from {{ source('ops', 'audience_rules') }}

),

contact_points as (

    select * from {{ ref('int_customers__contact_points') }}
    where address is not null and not is_shared

),

consented_contacts as (

    select * from {{ ref('int_customers__consented_contacts') }}
    where address is not null

),

blocks as (

    select * from {{ ref('int_customers__contact_blocks') }}

),

members as (

    select
        matched.audience,
        matched.customer_id,
        rules.consent_channel,
        rules.purpose
    from matched
    inner join rules on matched.audience = rules.audience and rules.error is null

),

-- A point of any kind that the channel reaches.
reachable as (

    select distinct
        members.audience,
        members.customer_id
    from members
    inner join contact_points
        on
            members.customer_id = contact_points.customer_id
            and case members.consent_channel
                when 'email' then contact_points.contact_type = 'email'
                when 'sms' then contact_points.contact_type = 'phone'
                when 'wecom' then contact_points.contact_type = 'union_id'
                when 'ads' then contact_points.contact_type in ('email', 'phone')
            end

),

usable as (

    select
        customer_id,
        channel,
        purpose,
        arg_min(address, place) filter (where contact_type = 'email') as email,
        arg_min(plain_value, place) filter (where contact_type = 'email') as email_contact,
        arg_min(address, place) filter (where contact_type = 'phone') as phone,
        arg_min(address, place) filter (where contact_type = 'union_id') as union_id
    from consented_contacts
    group by customer_id, channel, purpose

),

final as (

    select
        members.audience,
        members.customer_id,
        case
            when reachable.customer_id is null then 'no_contact_point'
            when blocks.reason is not null then blocks.reason
            when usable.customer_id is null then 'no_consent'
        end as left_out,
        usable.email,
        usable.email_contact,
        usable.phone,
        usable.union_id
    from members
    left join reachable on members.audience = reachable.audience and members.customer_id = reachable.customer_id
    left join blocks
        on
            members.customer_id = blocks.customer_id
            and members.consent_channel = blocks.channel
            and members.purpose = blocks.purpose
    left join usable
        on
            members.customer_id = usable.customer_id
            and members.consent_channel = usable.channel
            and members.purpose = usable.purpose

)

select * from final
