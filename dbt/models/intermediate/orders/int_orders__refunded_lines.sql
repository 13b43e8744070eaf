-- Grain: one row per order line with something taken back.
{{ config(materialized='table') }}

with lines as (

    select * from {{ ref('int_orders__lines') }}

),

refunds as (

    select * from {{ ref('int_orders__refunds') }}
    where status = 'counted' and kind != 'void' and order_id is not null

),

shopify_refund_lines as (

    select * from {{ ref('stg_shopify__refund_lines') }}

),

pos_receipt_lines as (

    select * from {{ ref('stg_pos__receipt_lines') }}

),

mapped_articles as (

    select * from {{ ref('int_exports__returned_articles') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

order_currencies as (

    select distinct
        order_id,
        currency
    from refunds

),

by_line as (

    select
        refunds.order_id,
        lines.line_number,
        sum(shopify_refund_lines.quantity) as quantity
    from refunds
    inner join shopify_refund_lines
        on refunds.source_system = 'shopify' and refunds.source_refund_id = shopify_refund_lines.refund_id
    inner join lines
        on refunds.order_id = lines.order_id and shopify_refund_lines.line_id = lines.source_line_id
    group by refunds.order_id, lines.line_number

),

returned_skus as (

    select
        refunds.order_id,
        pos_receipt_lines.sku,
        sum(pos_receipt_lines.quantity) as quantity
    from refunds
    inner join pos_receipt_lines
        on refunds.source_system = 'pos' and refunds.source_refund_id = pos_receipt_lines.receipt_id
    group by refunds.order_id, pos_receipt_lines.sku
    union all
    select
        refunds.order_id,
        mapped_articles.sku,
        sum(mapped_articles.quantity) as quantity
    from refunds
    inner join mapped_articles on refunds.refund_id = mapped_articles.refund_id
    group by refunds.order_id, mapped_articles.sku

),

-- A till or an export names the article, not the line: the earliest lines of that article take the return first.
sku_lines as (

    select
        lines.order_id,
        lines.line_number,
        lines.quantity,
        returned_skus.quantity as returned_quantity,
        sum(lines.quantity) over (
            partition by lines.order_id, lines.sku
            order by lines.line_number
        ) - lines.quantity as quantity_before
    from lines
    inner join returned_skus on lines.order_id = returned_skus.order_id and lines.sku = returned_skus.sku

),

by_sku as (

    select
        order_id,
        line_number,
        least(quantity, returned_quantity - quantity_before) as quantity
    from sku_lines
    where returned_quantity > quantity_before

),

unioned as (

    select * from by_line
    union all
    select * from by_sku

),

returned as (

    select
        order_id,
        line_number,
        sum(quantity) as quantity
    from unioned
    group by order_id, line_number

),

final as (

    select
        returned.order_id,
        returned.line_number,
        cast(least(returned.quantity, lines.quantity) as decimal(18, 3)) as refunded_quantity,
        case
            when returned.quantity >= lines.quantity then lines.net_amount
            else {{ round_share('lines.net_amount', 'returned.quantity', 'lines.quantity', 'currencies.minor_unit') }}
        end as refunded_merchandise_amount
    from returned
    inner join lines on returned.order_id = lines.order_id and returned.line_number = lines.line_number
    inner join order_currencies on returned.order_id = order_currencies.order_id
    left join currencies on order_currencies.currency = currencies.currency
    where returned.quantity > 0

)

select * from final
