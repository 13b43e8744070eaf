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

-- An order may name a location that the shop does not show.
named_locations as (

    select distinct location_id
    from shopify_orders
    where location_id is not null

),

unlisted_locations as (

    select named_locations.location_id
    from named_locations
    left join locations on named_locations.location_id = locations.location_id
    where locations.location_id is null

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
        'shopify-' || location_id,
        'shopify',
        location_name,
        city,
        country,
        {{ reporting_timezone() }},
        null,
        is_active
    from locations
    union all
    select
        'shopify-' || location_id,
        'shopify',
        null,
        null,
        null,
        {{ reporting_timezone() }},
        null,
        null
    from unlisted_locations

)

select * from final
