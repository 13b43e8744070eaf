-- Grain: one row per order line, any channel, before refunds.
{{ config(materialized='view') }}

with shopify_orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

shopify_order_lines as (

    select * from {{ ref('stg_shopify__order_lines') }}

),

shopify_products as (

    -- A variant that two products list is described by the one that changed last.
    select *
    from {{ ref('stg_shopify__products') }}
    qualify row_number() over (partition by variant_id order by updated_at desc, product_id desc) = 1

),

mapped_lines as (

    select * from {{ ref('int_exports__lines') }}

),

pos_receipts as (

    select * from {{ ref('stg_pos__receipts') }}

),

pos_receipt_lines as (

    select * from {{ ref('stg_pos__receipt_lines') }}

),

shopify as (

    select
        'shopify-' || lines.order_id as order_id,
        lines.line_id as source_line_id,
        lines.sku,
        lines.product_name,
        products.category,
        cast(lines.line_number as integer) as line_number,
        cast(lines.quantity as decimal(18, 3)) as quantity,
        {{ money('lines.unit_price') }} as unit_price,
        {{ money('lines.quantity * lines.unit_price') }} as listed_amount,
        {{ money('coalesce(lines.discount_amount, 0)') }} as discount_amount,
        {{ money('case when orders.taxes_included then coalesce(lines.tax_amount, 0) else 0 end') }}
            as contained_tax_amount,
        coalesce(lines.is_gift_card, false) as is_gift_card
    from shopify_order_lines as lines
    inner join shopify_orders as orders on lines.order_id = orders.order_id
    left join shopify_products as products on lines.variant_id = products.variant_id

),

pos as (

    select
        'pos-' || lines.receipt_id as order_id,
        cast(lines.line_number as varchar) as source_line_id,
        lines.sku,
        lines.product_name,
        lines.category,
        cast(lines.line_number as integer) as line_number,
        cast(lines.quantity as decimal(18, 3)) as quantity,
        {{ money('lines.unit_price') }} as unit_price,
        {{ money('lines.quantity * lines.unit_price') }} as listed_amount,
        {{ money('coalesce(lines.discount_amount, 0)') }} as discount_amount,
        {{ money('coalesce(lines.tax_amount, 0)') }} as contained_tax_amount,
        false as is_gift_card
    from pos_receipt_lines as lines
    inner join pos_receipts as receipts on lines.receipt_id = receipts.receipt_id
    where receipts.kind = 'sale'

),

mapped as (

    select
        order_id,
        source_line_id,
        sku,
        product_name,
        category,
        line_number,
        quantity,
        unit_price,
        listed_amount,
        discount_amount,
        contained_tax_amount,
        false as is_gift_card
    from mapped_lines

),

unioned as (

    select * from shopify
    union all
    select * from pos
    union all
    select * from mapped

),

final as (

    -- Contained tax leaves gross, never discount; a gift card sold is a liability and no sale.
    select
        order_id,
        source_line_id,
        sku,
        product_name,
        category,
        line_number,
        quantity,
        unit_price,
        {{ money('case when is_gift_card then 0 else listed_amount - contained_tax_amount end') }} as gross_amount,
        {{ money('case when is_gift_card then 0 else discount_amount end') }} as discount_amount,
        {{ money('case when is_gift_card then 0 else listed_amount - contained_tax_amount - discount_amount end') }}
            as net_amount,
        {{ money('case when is_gift_card then 0 else contained_tax_amount end') }} as contained_tax_amount,
        {{ money('case when is_gift_card then listed_amount - discount_amount else 0 end') }} as gift_card_sold_amount,
        is_gift_card
    from unioned

)

select * from final
