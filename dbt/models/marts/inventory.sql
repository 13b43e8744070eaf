-- Grain: one row per article and store whose stock the web shop keeps, as last told.
{{ config(materialized='table') }}

with levels as (

    select * from {{ ref('stg_shopify__inventory_levels') }}

),

shopify_products as (

    -- An article that two products list is that of the one that changed last.
    select *
    from {{ ref('stg_shopify__products') }}
    where inventory_item_id is not null
    qualify row_number() over (partition by inventory_item_id order by updated_at desc, product_id desc) = 1

),

deletions as (

    select * from {{ ref('int_orders__deletions') }}
    where subject_type = 'product'

),

final as (

    -- Stock of an article that no product lists, or that the shop has deleted, is kept apart.
    select
        'shopify-' || levels.inventory_item_id || '-' || levels.location_id as inventory_id,
        coalesce(products.sku, 'shopify-' || products.variant_id) as product_id,
        'shopify-' || levels.location_id as store_id,
        'shopify' as source_system,
        levels.inventory_item_id as source_item_id,
        levels.available_quantity,
        products.variant_id is not null and deletions.subject_id is null as is_listed,
        levels.updated_at as told_at
    from levels
    left join shopify_products as products on levels.inventory_item_id = products.inventory_item_id
    left join deletions on products.product_id = deletions.subject_id

)

select * from final
