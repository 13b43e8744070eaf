-- Grain: one row per article, any channel: a SKU, or the web shop's variant where it has none.
{{ config(materialized='table') }}

with shopify_products as (

    select * from {{ ref('stg_shopify__products') }}

),

deletions as (

    select * from {{ ref('int_orders__deletions') }}
    where subject_type = 'product'

),

inventory as (

    select * from {{ ref('inventory') }}
    where is_listed

),

order_lines as (

    select * from {{ ref('order_lines') }}

),

stock as (

    select
        product_id,
        cast(sum(available_quantity) as bigint) as inventory_quantity
    from inventory
    group by product_id

),

listed as (

    select
        coalesce(products.sku, 'shopify-' || products.variant_id) as product_id,
        'shopify' as source_system,
        products.sku,
        products.product_name,
        products.category,
        products.vendor,
        case when deletions.subject_id is null then products.status else 'deleted' end as status,
        -- An article that is still listed elsewhere in the shop is not gone.
        case when deletions.subject_id is null then 1 else 2 end as preference,
        products.updated_at as described_at,
        products.variant_id as tie
    from shopify_products as products
    left join deletions on products.product_id = deletions.subject_id

),

-- Of lines that describe an article alike the newest is enough.
sold_descriptions as (

    select
        sku,
        source_system,
        product_name,
        category,
        min((-epoch(order_date), order_line_id)) as newest_line
    from order_lines
    where sku is not null
    group by sku, source_system, product_name, category

),

sold as (

    select
        sku as product_id,
        source_system,
        sku,
        product_name,
        category,
        cast(null as varchar) as vendor,
        'sold' as status,
        3 as preference,
        to_timestamp(-newest_line[1]) as described_at,
        newest_line[2] as tie
    from sold_descriptions

),

unioned as (

    select * from listed
    union all
    select * from sold

),

sources as (

    select
        product_id,
        string_agg(distinct source_system, ', ' order by source_system) as source_systems
    from unioned
    group by product_id

),

newest as (

    select
        *,
        -- The catalogue may not name a category that the till does.
        first_value(category ignore nulls) over (
            partition by product_id
            order by preference asc, described_at desc, tie asc
            rows between unbounded preceding and unbounded following
        ) as any_category
    from unioned
    qualify row_number() over (partition by product_id order by preference asc, described_at desc, tie asc) = 1

),

final as (

    select
        newest.product_id,
        newest.sku,
        newest.product_name,
        newest.any_category as category,
        newest.vendor,
        newest.status,
        sources.source_systems,
        stock.inventory_quantity
    from newest
    inner join sources on newest.product_id = sources.product_id
    left join stock on newest.product_id = stock.product_id

)

select * from final
