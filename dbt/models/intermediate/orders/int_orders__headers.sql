-- Grain: one row per order, any channel: what was sold, before refunds and before anybody is known.
{{ config(materialized='table') }}

with lines as (

    select * from {{ ref('int_orders__lines') }}

),

-- An authorisation takes no money, so it is no payment.
first_payments as (

    select
        order_id,
        min(processed_at) as paid_at
    from {{ ref('stg_shopify__transactions') }}
    where status = 'success' and kind in ('sale', 'capture') and amount > 0
    group by order_id

),

shopify_orders as (

    -- What the shop has deleted counts as voided from then on.
    select
        orders.*,
        deletions.deleted_at,
        first_payments.paid_at
    from {{ ref('stg_shopify__orders') }} as orders
    left join first_payments on orders.order_id = first_payments.order_id
    left join {{ ref('int_orders__deletions') }} as deletions
        on deletions.subject_type = 'order' and orders.order_id = deletions.subject_id

),

pos_receipts as (

    select * from {{ ref('stg_pos__receipts') }}

),

pos_stores as (

    select * from {{ ref('stg_pos__stores') }}

),

mapped_invoices as (

    select * from {{ ref('int_exports__invoices') }}

),

mapped_amounts as (

    select * from {{ ref('int_exports__amounts') }}

),

line_totals as (

    select
        order_id,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(gift_card_sold_amount) as gift_card_sold_amount,
        sum(contained_tax_amount) as contained_tax_amount,
        bool_and(is_gift_card) as is_gift_card_only
    from lines
    group by order_id

),

shopify as (

    select
        'shopify-' || order_id as order_id,
        'shopify' as system,
        'shopify' as source_system,
        order_id as source_order_id,
        order_name,
        case
            when customer_id_shopify is not null then 'shopify/customer/' || customer_id_shopify
            when coalesce(email, phone) is not null then 'shopify/guest_order/' || order_id
        end as record_key,
        'shopify-' || location_id as store_id,
        case when coalesce(source_name, 'web') = 'web' then 'online_store' else source_name end as channel,
        payment_gateway as payment_method,
        currency,
        {{ money('coalesce(shipping_amount, 0)'
                 ~ ' - case when taxes_included then coalesce(shipping_tax_amount, 0) else 0 end') }}
            as shipping_charge_amount,
        {{ money('coalesce(tip_amount, 0) + coalesce(duties_amount, 0)') }} as other_amount,
        {{ money('coalesce(tip_amount, 0)') }} as tip_amount,
        {{ money('case when taxes_included then coalesce(shipping_tax_amount, 0) else coalesce(tax_amount, 0) end') }}
            as added_tax_amount,
        {{ money('total_amount') }} as booked_amount,
        coalesce(is_test, false)
        or {{ has_order_rule('test', "'shopify'", 'payment_gateway', 'source_name', 'tags', 'email') }} as is_test,
        {{ has_order_rule('exchange', "'shopify'", 'payment_gateway', 'source_name', 'tags', 'email') }} as is_exchange,
        financial_status in ('paid', 'partially_paid', 'partially_refunded', 'refunded') as is_paid,
        {{ is_cash_on_delivery('payment_gateway') }} as is_cash_on_delivery,
        cancelled_at is not null as is_cancelled,
        coalesce(financial_status = 'voided', false) or deleted_at is not null as is_voided,
        false as is_given_back,
        cast(null as decimal(18, 3)) as gross_without_lines_amount,
        cast(null as decimal(18, 3)) as discount_without_lines_amount,
        {{ reporting_timezone() }} as business_timezone,
        ordered_at,
        paid_at,
        -- What is collected is handed over when the shop fulfils it.
        case when not is_store_pickup then first_shipped_at end as shipped_at,
        case when is_store_pickup then first_shipped_at else last_delivered_at end as delivered_at,
        coalesce(is_store_pickup, false) as is_store_pickup,
        case
            when cancelled_at is not null then cancelled_at
            when financial_status = 'voided' then coalesce(closed_at, updated_at)
            else deleted_at
        end as cancelled_at
    from shopify_orders

),

pos as (

    select
        'pos-' || receipts.receipt_id as order_id,
        'pos' as system,
        'pos' as source_system,
        receipts.receipt_id as source_order_id,
        receipts.receipt_no as order_name,
        case
            when receipts.member_no is not null then 'pos/member/' || receipts.member_no
            when coalesce(receipts.customer_name, receipts.customer_phone) is not null
                then 'pos/name_only/' || receipts.receipt_id
        end as record_key,
        receipts.store_id,
        'store' as channel,
        receipts.payment_method,
        receipts.currency,
        {{ money('0') }} as shipping_charge_amount,
        {{ money('coalesce(receipts.rounding_amount, 0)') }} as other_amount,
        {{ money('0') }} as tip_amount,
        {{ money('0') }} as added_tax_amount,
        {{ money('receipts.total_amount') }} as booked_amount,
        {{ has_order_rule('test', "'pos'", 'receipts.payment_method') }} as is_test,
        {{ has_order_rule('exchange', "'pos'", 'receipts.payment_method') }} as is_exchange,
        receipts.status = 'completed' as is_paid,
        false as is_cash_on_delivery,
        false as is_cancelled,
        receipts.status = 'voided' as is_voided,
        false as is_given_back,
        cast(null as decimal(18, 3)) as gross_without_lines_amount,
        cast(null as decimal(18, 3)) as discount_without_lines_amount,
        coalesce(stores.timezone, {{ reporting_timezone() }}) as business_timezone,
        receipts.sold_at as ordered_at,
        case when receipts.status = 'completed' then receipts.sold_at end as paid_at,
        cast(null as timestamptz) as shipped_at,
        case when receipts.status = 'completed' then receipts.sold_at end as delivered_at,
        false as is_store_pickup,
        -- A voided receipt is as if it never was, so its void falls on the sale's own day.
        case when receipts.status = 'voided' then receipts.sold_at end as cancelled_at
    from pos_receipts as receipts
    left join pos_stores as stores on receipts.store_id = stores.store_id
    where receipts.kind = 'sale'

),

mapped as (

    select
        invoices.order_id,
        invoices.system,
        invoices.source_system,
        invoices.source_order_id,
        invoices.order_name,
        invoices.record_key,
        invoices.system || '-' || invoices.store_id as store_id,
        coalesce(invoices.channel, invoices.system) as channel,
        invoices.payment_method,
        invoices.currency,
        amounts.shipping_charge_amount,
        amounts.other_amount,
        {{ money('0') }} as tip_amount,
        amounts.added_tax_amount
        + case when invoices.sale_lines = 0 then amounts.contained_tax_amount else 0 end as added_tax_amount,
        amounts.due_amount as booked_amount,
        coalesce(invoices.status = 'test', false) as is_test,
        {{ has_order_rule('exchange', 'invoices.system', 'invoices.payment_method', 'invoices.channel',
                          email='invoices.email') }} as is_exchange,
        coalesce(invoices.status, 'paid') in ('paid', 'refunded', 'test') as is_paid,
        {{ is_cash_on_delivery('invoices.payment_method') }} as is_cash_on_delivery,
        coalesce(invoices.status = 'cancelled', false) as is_cancelled,
        coalesce(invoices.status = 'voided', false) as is_voided,
        coalesce(invoices.status = 'refunded', false) as is_given_back,
        case when invoices.sale_lines = 0 then amounts.listed_amount - amounts.contained_tax_amount end
            as gross_without_lines_amount,
        case when invoices.sale_lines = 0 then amounts.order_discount_amount end as discount_without_lines_amount,
        invoices.business_timezone,
        invoices.ordered_at,
        invoices.paid_at,
        invoices.shipped_at,
        -- A closed order is complete too, and nobody received it.
        case when coalesce(invoices.status, 'paid') in ('paid', 'refunded', 'test') then invoices.delivered_at end
            as delivered_at,
        false as is_store_pickup,
        -- Exports do not say when an order was cancelled.
        case when invoices.status in ('cancelled', 'voided') then invoices.ordered_at end as cancelled_at
    from mapped_invoices as invoices
    inner join mapped_amounts as amounts on invoices.order_id = amounts.order_id
    where invoices.is_sale and amounts.sale_held_by_rule is null

),

unioned as (

    select * from shopify
    union all
    select * from pos
    union all
    select * from mapped

),

amounts as (

    select
        unioned.order_id,
        unioned.system,
        unioned.source_system,
        unioned.source_order_id,
        unioned.order_name,
        unioned.record_key,
        unioned.store_id,
        unioned.channel,
        unioned.payment_method,
        unioned.currency,
        {{ money('coalesce(line_totals.gross_amount, unioned.gross_without_lines_amount, 0)') }} as gross_amount,
        {{ money('coalesce(line_totals.discount_amount, unioned.discount_without_lines_amount, 0)') }}
            as discount_amount,
        {{ money('unioned.shipping_charge_amount + unioned.other_amount') }} as shipping_amount,
        unioned.other_amount,
        unioned.tip_amount,
        -- Where prices include tax, the lines say how much of it they contain; elsewhere the order says what was added.
        {{ money('unioned.added_tax_amount + coalesce(line_totals.contained_tax_amount, 0)') }} as tax_amount,
        {{ money('coalesce(line_totals.gift_card_sold_amount, 0)') }} as gift_card_sold_amount,
        unioned.booked_amount,
        unioned.is_test,
        unioned.is_exchange,
        unioned.is_paid,
        unioned.is_cash_on_delivery,
        unioned.is_cancelled,
        unioned.is_voided,
        unioned.is_given_back,
        coalesce(line_totals.is_gift_card_only, false) as is_gift_card_only,
        unioned.business_timezone,
        {{ local_date('unioned.ordered_at', 'unioned.business_timezone') }} as order_date,
        {{ reporting_date('unioned.ordered_at') }} as reporting_date,
        unioned.ordered_at,
        -- Where no source says when, a paid order was paid as it was placed, or handed over.
        coalesce(
            unioned.paid_at,
            case
                when unioned.is_paid and unioned.is_cash_on_delivery then unioned.delivered_at
                when unioned.is_paid then unioned.ordered_at
            end
        ) as paid_at,
        unioned.shipped_at,
        unioned.delivered_at,
        unioned.is_store_pickup,
        unioned.cancelled_at
    from unioned
    left join line_totals on unioned.order_id = line_totals.order_id

),

final as (

    select
        *,
        {{ money('gross_amount - discount_amount + shipping_amount + tax_amount') }} as due_amount
    from amounts

)

select * from final
