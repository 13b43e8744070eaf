-- Grain: one row per article, any channel: a SKU, or the web shop's variant where it has none.
{{ config(materialized='table') }}

with shopify_products as (

    select * from {{ ref('stg_shopify__products') }}

),

order_lines as (

    select * from {{ ref('order_lines') }}

),

listed as (

    select
        coalesce(sku, 'shopify-' || variant_id) as product_id,
        'shopify' as source_system,
        sku,
        product_name,
        category,
        vendor,
        status,
        1 as preference,
        updated_at as described_at,
        variant_id as tie
    from shopify_products

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
        2 as preference,
        cast(order_date as timestamptz) as described_at,
        order_line_id as tie
    from order_lines
    where sku is not null

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
        sources.source_systems
    from newest
    inner join sources on newest.product_id = sources.product_id

)

select * from final
