-- Grain: one row per person, contact point, channel and purpose for which it may be used.
-- Consent is the contact's, a refusal is the person's: what is doubtful may not be used.
{{ config(materialized='table') }}

with contact_points as (

    -- A number that was passed on names somebody else by now.
    select * from {{ ref('int_customers__contact_points') }}
    where not is_shared

),

decisions as (

    select * from {{ ref('int_customers__contact_decisions') }}
    where is_allowed

),

blocks as (

    select * from {{ ref('int_customers__contact_blocks') }}

),

final as (

    select
        contact_points.customer_id,
        contact_points.contact_type,
        decisions.channel,
        decisions.purpose,
        contact_points.value,
        contact_points.contact as plain_value,
        contact_points.address,
        contact_points.place
    from contact_points
    inner join decisions
        on
            contact_points.contact_type = decisions.contact_type
            and contact_points.contact = decisions.contact
    left join blocks
        on
            contact_points.customer_id = blocks.customer_id
            and decisions.channel = blocks.channel
            and decisions.purpose = blocks.purpose
    where blocks.customer_id is null

)

select * from final
