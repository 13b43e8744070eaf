-- Grain: one row per source record that was seen doing something, with its first and last time.
{{ config(materialized='table') }}

with orders as (

    select * from {{ ref('int_orders__headers') }}

),

returns as (

    select * from {{ ref('int_orders__returns') }}

),

tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}

),

calls as (

    select * from {{ ref('int_tickets__calls') }}

),

checkouts as (

    select * from {{ ref('stg_shopify__checkouts') }}

),

events as (

    select * from {{ ref('stg_events__events') }}

),

mapped_buyers as (

    select * from {{ ref('int_exports__buyers') }}

),

mapped_touchpoints as (

    select * from {{ ref('stg_exports__touchpoints') }}

),

mapped_messages as (

    select * from {{ ref('stg_exports__messages') }}

),

mapped_tickets as (

    select * from {{ ref('stg_exports__tickets') }}

),

activities as (

    select
        record_key,
        ordered_at as active_at
    from orders
    where record_key is not null
    union all
    select
        record_key,
        refunded_at
    from returns
    where record_key is not null
    union all
    select
        'zendesk/requester/' || requester_id as record_key,
        created_at
    from tickets
    where requester_id is not null
    union all
    select
        system || '/' || record_type || '/' || source_record_id as record_key,
        created_at
    from mapped_tickets
    where record_type is not null
    union all
    select
        record_key,
        ordered_at
    from mapped_buyers
    union all
    -- A message that was sent is the shop's doing; one that was opened, clicked or answered is the person's.
    select
        system || '/' || record_type || '/' || source_record_id as record_key,
        occurred_at
    from mapped_messages
    where record_type is not null and event in ('opened', 'clicked', 'unsubscribed')
    union all
    select
        system || '/' || record_type || '/' || source_record_id as record_key,
        occurred_at
    from mapped_touchpoints
    where record_type is not null
    union all
    select
        system || '/device/' || device_id as record_key,
        occurred_at
    from mapped_touchpoints
    where device_id is not null and record_type <> 'device'
    union all
    select
        'zendesk/requester/' || requester_id as record_key,
        called_at
    from calls
    where requester_id is not null
    union all
    select
        'shopify/customer/' || customer_id_shopify as record_key,
        created_at
    from checkouts
    where customer_id_shopify is not null

),

summed as (

    select
        record_key,
        min(active_at) as first_active_at,
        max(active_at) as last_active_at
    from activities
    group by record_key
    union all
    select
        'events/user/' || user_id as record_key,
        min(occurred_at) as first_active_at,
        max(occurred_at) as last_active_at
    from events
    where user_id is not null
    group by user_id
    union all
    select
        'events/device/' || device_id as record_key,
        min(occurred_at) as first_active_at,
        max(occurred_at) as last_active_at
    from events
    where device_id is not null
    group by device_id

),

final as (

    select
        record_key,
        min(first_active_at) as first_active_at,
        max(last_active_at) as last_active_at
    from summed
    group by record_key

)

select * from final
