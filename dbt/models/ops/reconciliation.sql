-- Grain: one row per booking source, currency and business date: its money as staged, and as in the marts.
{{ config(materialized='table') }}

with shopify_orders as (

    select
        orders.*,
        case
            when orders.cancelled_at is not null then orders.cancelled_at
            when orders.financial_status = 'voided' then coalesce(orders.closed_at, orders.updated_at)
            else deletions.deleted_at
        end as taken_back_at
    from {{ ref('stg_shopify__orders') }} as orders
    left join {{ ref('int_orders__deletions') }} as deletions
        on deletions.subject_type = 'order' and orders.order_id = deletions.subject_id
    where
        not coalesce(orders.is_test, false)
        and not {{ has_order_rule('test', "'shopify'", 'orders.payment_gateway', 'orders.source_name', 'orders.tags',
                                  'orders.email') }}

),

shopify_refunds as (

    select * from {{ ref('stg_shopify__refunds') }}

),

pos_receipts as (

    -- A till that takes back goods of a test has paid real money.
    select *
    from {{ ref('stg_pos__receipts') }}
    where
        status != 'voided'
        and not (kind = 'sale' and {{ has_order_rule('test', "'pos'", 'payment_method') }})

),

pos_stores as (

    select * from {{ ref('stg_pos__stores') }}

),

export_bookings as (

    select * from {{ ref('int_exports__bookings') }}

),

orders as (

    select * from {{ ref('orders') }}
    where not is_test

),

refunds as (

    select * from {{ ref('refunds') }}
    where not is_test and status != 'voided'

),

shopify_refunded as (

    select
        refunds.order_id,
        sum(refunds.amount) as amount
    from shopify_refunds as refunds
    group by refunds.order_id

),

source_bookings as (

    select
        'shopify' as source_system,
        currency,
        {{ reporting_date('ordered_at') }} as business_date,
        total_amount as amount
    from shopify_orders
    union all
    select
        'shopify' as source_system,
        refunds.currency,
        {{ reporting_date('refunds.refunded_at') }} as business_date,
        -refunds.amount as amount
    from shopify_refunds as refunds
    inner join shopify_orders on refunds.order_id = shopify_orders.order_id
    union all
    -- A cancelled or deleted order takes back what it had booked and not refunded yet.
    select
        'shopify' as source_system,
        orders.currency,
        {{ reporting_date('orders.taken_back_at') }} as business_date,
        -greatest(orders.total_amount - coalesce(shopify_refunded.amount, 0), 0) as amount
    from shopify_orders as orders
    left join shopify_refunded on orders.order_id = shopify_refunded.order_id
    where orders.taken_back_at is not null
    union all
    select
        'pos' as source_system,
        receipts.currency,
        {{ local_date('receipts.sold_at', "coalesce(stores.timezone, " ~ reporting_timezone() ~ ")") }}
            as business_date,
        case receipts.kind when 'return' then -receipts.total_amount else receipts.total_amount end as amount
    from pos_receipts as receipts
    left join pos_stores as stores on receipts.store_id = stores.store_id
    union all
    select
        source_system,
        currency,
        business_date,
        amount
    from export_bookings

),

source_totals as (

    select
        source_system,
        currency,
        business_date,
        sum(amount) as total
    from source_bookings
    group by source_system, currency, business_date

),

mart_bookings as (

    select
        source_system,
        currency,
        order_date as business_date,
        due_amount + gift_card_sold_amount as amount
    from orders
    where status != 'voided' or source_system != 'pos'
    union all
    select
        source_system,
        currency,
        refund_date,
        -booked_amount as amount
    from refunds
    where kind != 'void' or source_system != 'pos'

),

mart_totals as (

    select
        source_system,
        currency,
        business_date,
        sum(amount) as total
    from mart_bookings
    group by source_system, currency, business_date

),

final as (

    select
        coalesce(source_totals.source_system, mart_totals.source_system) as source_system,
        coalesce(source_totals.currency, mart_totals.currency) as currency,
        coalesce(source_totals.business_date, mart_totals.business_date) as business_date,
        {{ money('coalesce(source_totals.total, 0)') }} as source_total,
        {{ money('coalesce(mart_totals.total, 0)') }} as mart_total,
        {{ money('coalesce(mart_totals.total, 0) - coalesce(source_totals.total, 0)') }} as difference
    from source_totals
    full outer join mart_totals
        on
            source_totals.source_system = mart_totals.source_system
            and source_totals.currency = mart_totals.currency
            and source_totals.business_date = mart_totals.business_date

)

select * from final
