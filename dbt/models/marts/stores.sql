-- Grain: one row per store with tills, or location of the web shop.
{{ config(materialized='table') }}

with pos_stores as (

    select * from {{ ref('stg_pos__stores') }}

),

locations as (

    select * from {{ ref('stg_shopify__locations') }}

),

shopify_orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

inventory_levels as (

    select * from {{ ref('stg_shopify__inventory_levels') }}

),

-- An order or a stock may name a location that the shop does not show.
named_locations as (

    select location_id
    from shopify_orders
    where location_id is not null
    union
    select location_id
    from inventory_levels

),

unlisted_locations as (

    select named_locations.location_id
    from named_locations
    left join locations on named_locations.location_id = locations.location_id
    where locations.location_id is null

),

mapped_invoices as (

    select * from {{ ref('int_exports__invoices') }}

),

mapped_refunds as (

    select * from {{ ref('stg_exports__refunds') }}

),

-- An export names its stores and says no more of them.
mapped_stores as (

    select
        system,
        store_id
    from mapped_invoices
    where store_id is not null
    union
    select
        system,
        store_id
    from mapped_refunds
    where store_id is not null

),

final as (

    select
        store_id,
        'pos' as source_system,
        store_name,
        city,
        country,
        timezone,
        currency,
        true as is_active
    from pos_stores
    union all
    select
        'shopify-' || location_id as store_id,
        'shopify' as source_system,
        location_name as store_name,
        city,
        country,
        {{ reporting_timezone() }} as timezone,
        null as currency,
        is_active
    from locations
    union all
    select
        'shopify-' || location_id as store_id,
        'shopify' as source_system,
        null as store_name,
        null as city,
        null as country,
        {{ reporting_timezone() }} as timezone,
        null as currency,
        null as is_active
    from unlisted_locations
    union all
    select
        system || '-' || store_id as store_id,
        system as source_system,
        store_id as store_name,
        null as city,
        null as country,
        null as timezone,
        null as currency,
        null as is_active
    from mapped_stores

)

select * from final
