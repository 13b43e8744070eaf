-- Grain: one row per source record that may stand for a person; the one shape a new source supplies to be stitched.
{{ config(materialized='table') }}

with shopify_customers as (

    select * from {{ ref('stg_shopify__customers') }}

),

shopify_orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

pos_members as (

    select * from {{ ref('stg_pos__members') }}

),

pos_receipts as (

    select * from {{ ref('stg_pos__receipts') }}

),

pos_stores as (

    select * from {{ ref('stg_pos__stores') }}

),

zendesk_users as (

    select * from {{ ref('stg_zendesk__users') }}

),

zendesk_tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}

),

events as (

    select * from {{ ref('stg_events__events') }}

),

mapped_records as (

    select * from {{ ref('int_identity__mapped_records') }}

),

countries as (

    select * from {{ ref('countries') }}

),

home_country as (

    select country_code from {{ ref('timezone_countries') }}
    where timezone = {{ reporting_timezone() }}

),

source_regions as (

    select * from {{ ref('source_regions') }}

),

activity as (

    select * from {{ ref('int_identity__activity') }}

),

shopify_customer_records as (

    select
        'shopify' as source_system,
        'customer' as record_type,
        customer_id_shopify as source_record_id,
        full_name,
        given_name,
        family_name,
        cast(null as date) as birth_date,
        cast(null as varchar) as gender,
        street,
        city,
        province,
        postcode,
        country,
        cast(null as varchar) as member_level,
        email,
        phone,
        false as is_anonymous,
        consent_email,
        consent_sms,
        false as has_personal_id,
        created_at,
        updated_at
    from shopify_customers

),

-- Also buyers whose customer record has not arrived, so that their orders belong to somebody.
shopify_order_records as (

    select
        'shopify' as source_system,
        case when orders.customer_id_shopify is not null then 'customer' else 'guest_order' end as record_type,
        coalesce(orders.customer_id_shopify, orders.order_id) as source_record_id,
        orders.buyer_full_name as full_name,
        orders.buyer_given_name as given_name,
        orders.buyer_family_name as family_name,
        cast(null as date) as birth_date,
        cast(null as varchar) as gender,
        orders.street,
        orders.city,
        orders.province,
        orders.postcode,
        orders.country,
        cast(null as varchar) as member_level,
        case when orders.customer_id_shopify is null then orders.email end as email,
        case when orders.customer_id_shopify is null then orders.phone end as phone,
        false as is_anonymous,
        cast(null as boolean) as consent_email,
        cast(null as boolean) as consent_sms,
        orders.created_at,
        orders.updated_at
    from shopify_orders as orders
    left join shopify_customers as customers on orders.customer_id_shopify = customers.customer_id_shopify
    where
        customers.customer_id_shopify is null
        and coalesce(orders.customer_id_shopify, orders.email, orders.phone) is not null
    qualify row_number() over (
        partition by record_type, source_record_id
        order by orders.created_at, orders.order_id
    ) = 1

),

pos_member_records as (

    select
        'pos' as source_system,
        'member' as record_type,
        member_no as source_record_id,
        full_name,
        cast(null as varchar) as given_name,
        cast(null as varchar) as family_name,
        birth_date,
        gender,
        street,
        city,
        cast(null as varchar) as province,
        postcode,
        country,
        member_level,
        email,
        phone,
        false as is_anonymous,
        consent_email,
        consent_sms,
        joined_at as created_at,
        updated_at
    from pos_members

),

pos_receipt_records as (

    select
        'pos' as source_system,
        case when receipts.member_no is not null then 'member' else 'name_only' end as record_type,
        coalesce(receipts.member_no, receipts.receipt_id) as source_record_id,
        receipts.customer_name as full_name,
        cast(null as varchar) as given_name,
        cast(null as varchar) as family_name,
        receipts.customer_birth_date as birth_date,
        cast(null as varchar) as gender,
        receipts.customer_street as street,
        stores.city,
        cast(null as varchar) as province,
        cast(null as varchar) as postcode,
        stores.country,
        cast(null as varchar) as member_level,
        cast(null as varchar) as email,
        case when receipts.member_no is null then receipts.customer_phone end as phone,
        false as is_anonymous,
        cast(null as boolean) as consent_email,
        cast(null as boolean) as consent_sms,
        receipts.sold_at as created_at,
        receipts.updated_at
    from pos_receipts as receipts
    left join pos_members as members on receipts.member_no = members.member_no
    left join pos_stores as stores on receipts.store_id = stores.store_id
    where
        members.member_no is null
        and coalesce(receipts.member_no, receipts.customer_name, receipts.customer_phone) is not null
    qualify row_number() over (
        partition by record_type, source_record_id
        order by receipts.sold_at, receipts.receipt_id
    ) = 1

),

zendesk_records as (

    select
        'zendesk' as source_system,
        'requester' as record_type,
        user_id as source_record_id,
        full_name,
        cast(null as varchar) as given_name,
        cast(null as varchar) as family_name,
        cast(null as date) as birth_date,
        cast(null as varchar) as gender,
        cast(null as varchar) as street,
        cast(null as varchar) as city,
        cast(null as varchar) as province,
        cast(null as varchar) as postcode,
        cast(null as varchar) as country,
        cast(null as varchar) as member_level,
        email,
        phone,
        false as is_anonymous,
        cast(null as boolean) as consent_email,
        cast(null as boolean) as consent_sms,
        created_at,
        updated_at
    from zendesk_users
    where role = 'end-user' or user_id in (select zendesk_tickets.requester_id from zendesk_tickets)

),

zendesk_ticket_records as (

    select
        'zendesk' as source_system,
        'requester' as record_type,
        tickets.requester_id as source_record_id,
        min(tickets.created_at) as created_at,
        max(tickets.created_at) as updated_at
    from zendesk_tickets as tickets
    left join zendesk_users as users on tickets.requester_id = users.user_id
    where users.user_id is null and tickets.requester_id is not null
    group by tickets.requester_id

),

event_users as (

    select
        'events' as source_system,
        'user' as record_type,
        user_id as source_record_id,
        arg_max(full_name, (occurred_at, event_id)) filter (where full_name is not null) as full_name,
        arg_max(email, (occurred_at, event_id)) filter (where email is not null) as email,
        arg_max(phone, (occurred_at, event_id)) filter (where phone is not null) as phone,
        false as is_anonymous,
        -- The event that was received first, so that a late one with an older time moves no anchor.
        arg_min(occurred_at, (coalesce(received_at, occurred_at), event_id)) as created_at,
        max(occurred_at) as updated_at
    from events
    where user_id is not null
    group by user_id

),

event_devices as (

    select
        'events' as source_system,
        'device' as record_type,
        device_id as source_record_id,
        true as is_anonymous,
        arg_min(occurred_at, (coalesce(received_at, occurred_at), event_id)) as created_at,
        max(occurred_at) as updated_at
    from events
    where device_id is not null
    group by device_id

),

unioned as (

    select * from shopify_customer_records
    union all by name
    select * from shopify_order_records
    union all by name
    select * from pos_member_records
    union all by name
    select * from pos_receipt_records
    union all by name
    select * from zendesk_records
    union all by name
    select * from zendesk_ticket_records
    union all by name
    select * from event_users
    union all by name
    select * from event_devices
    union all by name
    select * from mapped_records

),

keyed as (

    select
        unioned.source_system || '/' || unioned.record_type || '/' || unioned.source_record_id as record_key,
        unioned.*,
        case
            when length(unioned.country) = 2 then upper(unioned.country)
            else countries.country_code
        end as country_code
    from unioned
    left join countries on lower(unioned.country) = countries.country_name

),

final as (

    select
        keyed.record_key,
        keyed.source_system,
        keyed.record_type,
        keyed.source_record_id,
        -- Phones without a prefix are read as numbers of the record's country, of its source's, or of the company's.
        coalesce(
            keyed.country_code,
            source_regions.default_region,
            (select home_country.country_code from home_country)
        ) as default_region,
        keyed.full_name,
        keyed.given_name,
        keyed.family_name,
        keyed.gender,
        keyed.street,
        keyed.city,
        keyed.province,
        keyed.postcode,
        coalesce(keyed.country_code, keyed.country) as country,
        keyed.member_level,
        keyed.email,
        keyed.phone,
        coalesce(keyed.is_anonymous, false) as is_anonymous,
        coalesce(keyed.has_personal_id, false) as has_personal_id,
        keyed.consent_email,
        keyed.consent_sms,
        keyed.birth_date,
        keyed.created_at,
        keyed.updated_at,
        least(keyed.created_at, activity.first_active_at) as first_seen_at,
        greatest(keyed.updated_at, keyed.created_at, activity.last_active_at) as last_seen_at
    from keyed
    left join source_regions on keyed.source_system = source_regions.source_system
    left join activity on keyed.record_key = activity.record_key

)

select * from final
