-- Grain: one row per customer id that was published once and is nobody's tonight: whose it is now.
{{ config(materialized='table') }}

with published_customers as (

    select * from {{ ref('int_identity__published_customers') }}

),

published_records as (

    select * from {{ ref('int_identity__published_records') }}

),

identity_events as (

    select * from {{ ref('identity_events') }}

),

endings as (

    select
        customer_id,
        event,
        night,
        occurred_at
    from identity_events
    where event in ('merged', 'identified', 'anchor_removed', 'erased')
    qualify row_number() over (partition by customer_id order by night desc) = 1

),

final as (

    select
        published_customers.customer_id as retired_customer_id,
        published_customers.current_customer_id as customer_id,
        case
            when published_customers.current_customer_id is null then 'erased'
            -- A record of theirs has come back since, under an id of its own.
            when endings.event = 'erased' then 'anchor_removed'
            -- Publications of older versions kept ids and no events.
            when endings.event is null and published_customers.is_anonymous then 'identified'
            else coalesce(endings.event, 'merged')
        end as reason,
        endings.night as retired_night,
        published_customers.is_anonymous,
        coalesce(endings.occurred_at, anchors.last_linked_at) as retired_at
    from published_customers
    left join published_records as anchors on published_customers.anchor_record_key = anchors.record_key
    left join endings on published_customers.customer_id = endings.customer_id
    where not published_customers.is_active

)

select * from final
