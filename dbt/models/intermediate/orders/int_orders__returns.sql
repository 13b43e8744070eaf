-- Grain: one row per refund or return a source booked, with the order it names if there is one.
{{ config(materialized='table') }}

with headers as (

    select * from {{ ref('int_orders__headers') }}

),

shopify_refunds as (

    select * from {{ ref('stg_shopify__refunds') }}

),

pos_receipts as (

    select * from {{ ref('stg_pos__receipts') }}

),

pos_stores as (

    select * from {{ ref('stg_pos__stores') }}

),

mapped_returns as (

    select * from {{ ref('int_exports__returns') }}

),

shopify_orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

pos_members as (

    select * from {{ ref('stg_pos__members') }}

),

shop_articles as (

    select
        refund_lines.refund_id,
        order_lines.sku,
        cast(sum(refund_lines.quantity) as decimal(18, 3)) as quantity
    from {{ ref('stg_shopify__refund_lines') }} as refund_lines
    inner join {{ ref('stg_shopify__order_lines') }} as order_lines
        on refund_lines.order_id = order_lines.order_id and refund_lines.line_id = order_lines.line_id
    group by refund_lines.refund_id, order_lines.sku

),

shop_goods as (

    select
        refund_id,
        string_agg(coalesce(sku, '?') || ' ' || quantity, ', ' order by sku) as articles
    from shop_articles
    group by refund_id

),

till_articles as (

    select
        receipt_id,
        sku,
        cast(sum(quantity) as decimal(18, 3)) as quantity
    from {{ ref('stg_pos__receipt_lines') }}
    group by receipt_id, sku

),

till_goods as (

    select
        receipt_id,
        string_agg(coalesce(sku, '!') || ' ' || quantity, ', ' order by sku) as articles
    from till_articles
    group by receipt_id

),

-- A till that names nothing may still have taken back what the shop refunds: the same articles for the same money,
-- within seven days, by whoever ordered them. Only the buyer's own phone or mailbox says so; a like return of somebody
-- else is a return of its own.
same_goods as (

    select
        receipts.receipt_id,
        refunds.order_id,
        abs(epoch(receipts.sold_at) - epoch(refunds.refunded_at)) as seconds_apart,
        refunds.refund_id
    from pos_receipts as receipts
    inner join till_goods on receipts.receipt_id = till_goods.receipt_id
    inner join shopify_refunds as refunds
        on
            receipts.total_amount = refunds.amount
            and receipts.currency = refunds.currency
            and abs(epoch(receipts.sold_at) - epoch(refunds.refunded_at)) <= 7 * 86400
    inner join shop_goods
        on refunds.refund_id = shop_goods.refund_id and till_goods.articles = shop_goods.articles
    inner join shopify_orders as orders on refunds.order_id = orders.order_id
    left join pos_members as members on receipts.member_no = members.member_no
    where
        receipts.kind = 'return'
        and receipts.status != 'voided'
        and receipts.total_amount > 0
        and receipts.original_receipt_id is null
        and receipts.original_order_name is null
        and (
            right({{ phone_digits('coalesce(receipts.customer_phone, members.phone)') }}, 8)
            = right({{ phone_digits('orders.phone') }}, 8)
            or lower(members.email) = lower(orders.email)
        )

),

unnamed_online_returns as (

    select
        receipt_id,
        order_id
    from same_goods
    qualify
        row_number() over (partition by receipt_id order by seconds_apart, refund_id) = 1
        and row_number() over (partition by refund_id order by seconds_apart, receipt_id) = 1

),

shopify as (

    select
        'shopify-' || refunds.refund_id as refund_id,
        'shopify' as system,
        'shopify' as source_system,
        refunds.refund_id as source_refund_id,
        'shopify-' || refunds.order_id as order_id,
        cast(null as varchar) as record_key,
        cast(null as varchar) as store_id,
        refunds.currency,
        {{ money('refunds.amount') }} as amount,
        {{ refund_kind("'shopify'", 'refunds.gateway') }} as kind,
        false as is_voided,
        false as names_other_source,
        {{ reporting_date('refunds.refunded_at') }} as business_date,
        refunds.refunded_at
    from shopify_refunds as refunds

),

till_returns as (

    select
        receipts.*,
        coalesce(stores.timezone, {{ reporting_timezone() }}) as business_timezone,
        sale.order_id as sale_order_id,
        coalesce(online.order_id, 'shopify-' || unnamed.order_id) as online_order_id
    from pos_receipts as receipts
    left join pos_stores as stores on receipts.store_id = stores.store_id
    left join headers as sale on sale.order_id = 'pos-' || receipts.original_receipt_id
    -- A till books in its own currency: a return in another one cannot reduce the order it names.
    left join headers as online
        on
            online.source_system != 'pos'
            and receipts.original_order_name = online.order_name
            and receipts.currency = online.currency
    left join unnamed_online_returns as unnamed on receipts.receipt_id = unnamed.receipt_id
    where receipts.kind = 'return'
    qualify row_number() over (partition by receipts.receipt_id order by online.order_id) = 1

),

pos as (

    select
        'pos-' || receipt_id as refund_id,
        'pos' as system,
        'pos' as source_system,
        receipt_id as source_refund_id,
        coalesce(sale_order_id, online_order_id) as order_id,
        case
            when member_no is not null then 'pos/member/' || member_no
            when coalesce(customer_name, customer_phone) is not null then 'pos/name_only/' || receipt_id
        end as record_key,
        store_id,
        currency,
        {{ money('total_amount') }} as amount,
        {{ refund_kind("'pos'", 'payment_method') }} as kind,
        status = 'voided' as is_voided,
        sale_order_id is null and online_order_id is not null as names_other_source,
        {{ local_date('sold_at', 'business_timezone') }} as business_date,
        sold_at as refunded_at
    from till_returns

),

mapped as (

    select
        refund_id,
        system,
        source_system,
        source_refund_id,
        order_id,
        record_key,
        store_id,
        currency,
        amount,
        'refund' as kind,
        is_voided,
        false as names_other_source,
        business_date,
        refunded_at
    from mapped_returns

),

unioned as (

    select * from shopify
    union all
    select * from pos
    union all
    select * from mapped

),

-- Booked by both systems: the till that names the order is the payer, the shop's refund of the same amount its twin.
pairs as (

    select
        own.refund_id,
        till.refund_id as twin_of,
        row_number() over (
            partition by own.refund_id
            order by abs(epoch(own.refunded_at) - epoch(till.refunded_at)), till.refund_id
        ) as place_for_own,
        row_number() over (
            partition by till.refund_id
            order by abs(epoch(own.refunded_at) - epoch(till.refunded_at)), own.refund_id
        ) as place_for_till
    from unioned as own
    inner join unioned as till
        on
            own.order_id = till.order_id
            and own.amount = till.amount
            and own.source_system != till.source_system
            and abs(epoch(own.refunded_at) - epoch(till.refunded_at)) <= 7 * 86400
    where
        till.names_other_source
        and not own.names_other_source
        and not till.is_voided
        and not own.is_voided
        and own.amount > 0

),

twins as (

    select
        refund_id,
        twin_of
    from pairs
    where place_for_own = 1 and place_for_till = 1

),

judged as (

    select
        unioned.*,
        twins.twin_of,
        headers.due_amount,
        headers.order_id is not null and not unioned.is_voided and twins.twin_of is null as may_count,
        coalesce(unioned.amount > headers.due_amount, false) as is_larger_than_due
    from unioned
    left join twins on unioned.refund_id = twins.refund_id
    left join headers on unioned.order_id = headers.order_id

),

accumulated as (

    select
        *,
        sum(case when may_count and not is_larger_than_due then amount else 0 end) over (
            partition by order_id
            order by refunded_at, refund_id
        ) as amount_so_far
    from judged

),

final as (

    select
        refund_id,
        system,
        source_system,
        source_refund_id,
        case when due_amount is not null then order_id end as order_id,
        record_key,
        store_id,
        twin_of,
        kind,
        case
            when is_voided then 'voided'
            when twin_of is not null then 'twin'
            when not may_count then 'unlinked'
            when is_larger_than_due or amount_so_far > due_amount then 'excess'
            else 'counted'
        end as status,
        currency,
        amount,
        business_date,
        refunded_at
    from accumulated

)

select * from final
