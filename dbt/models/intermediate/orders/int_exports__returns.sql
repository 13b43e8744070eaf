-- Grain: one row per refund or return of a mapped export, with the order it names if that one is known.
{{ config(materialized='table') }}

with invoices as (

    select * from {{ ref('int_exports__invoices') }}

),

amounts as (

    select * from {{ ref('int_exports__amounts') }}

),

line_amounts as (

    select * from {{ ref('int_exports__line_amounts') }}
    where quantity < 0

),

refunds as (

    select
        *,
        {{ buyer_record_type('refunds', has_names=false) }} as record_type
    from {{ ref('stg_exports__refunds') }} as refunds

),

currencies as (

    select * from {{ ref('currencies') }}

),

-- One system may tell a return twice, as lines and as a refund of the same number: the refund says what was paid.
told_as_refunds as (

    select distinct
        system,
        source_refund_id
    from refunds

),

counted_invoices as (

    select invoices.*
    from invoices
    inner join amounts on invoices.order_id = amounts.order_id
    where amounts.held_by_rule is null

),

line_totals as (

    select
        order_id,
        original_order_id,
        sum(given_back_amount) as amount
    from line_amounts
    group by order_id, original_order_id

),

invoice_parts as (

    select
        invoices.order_id as invoice_id,
        line_totals.original_order_id,
        line_totals.amount,
        count(*) over (partition by invoices.order_id) as parts
    from counted_invoices as invoices
    inner join line_totals on invoices.order_id = line_totals.order_id
    left join told_as_refunds
        on invoices.system = told_as_refunds.system and invoices.source_order_id = told_as_refunds.source_refund_id
    where told_as_refunds.system is null
    union all
    -- A header alone, with a negative amount.
    select
        order_id as invoice_id,
        cast(null as varchar) as original_order_id,
        abs(coalesce(net_amount, gross_amount)) as amount,
        1 as parts
    from counted_invoices
    where is_return and return_lines = 0

),

of_invoices as (

    select
        invoices.order_id as invoice_id,
        invoices.system,
        invoices.source_system,
        case
            when invoice_parts.original_order_id is null then 'return-' || invoices.source_order_id
            else 'return-' || invoices.source_order_id || '-' || invoice_parts.original_order_id
        end as source_refund_id,
        invoice_parts.original_order_id as source_order_id,
        invoices.record_key,
        invoices.store_id,
        invoices.currency,
        -- An invoice of one return and nothing else says itself what it comes to.
        case
            when invoices.sale_lines > 0 or invoice_parts.parts > 1 then invoice_parts.amount
            when invoices.net_amount < 0 then abs(invoices.net_amount)
            when invoices.net_amount is null and invoices.return_lines + invoices.refund_lines > 0
                then
                    invoice_parts.amount
                    + abs(coalesce(invoices.shipping_amount, 0))
                    + abs(coalesce(invoices.tax_amount, 0))
            else invoice_parts.amount
        end as amount,
        invoices.status in ('cancelled', 'voided', 'test') as is_voided,
        invoices.order_date as business_date,
        invoices.ordered_at as refunded_at
    from invoice_parts
    inner join counted_invoices as invoices on invoice_parts.invoice_id = invoices.order_id

),

of_refunds as (

    select
        max(told.order_id) as invoice_id,
        refunds.system,
        max(refunds.source_system) as source_system,
        refunds.source_refund_id,
        max(refunds.order_id) as source_order_id,
        max(
            case
                when invoices.order_id is not null then invoices.record_key
                else refunds.system || '/' || refunds.record_type || '/' || {{ refund_record_id('refunds') }}
            end
        ) as record_key,
        max(refunds.store_id) as store_id,
        max(coalesce(refunds.currency, invoices.currency)) as currency,
        sum(refunds.amount) as amount,
        false as is_voided,
        min(refunds.refund_date) as business_date,
        min(refunds.refunded_at) as refunded_at
    from refunds
    left join invoices on refunds.system = invoices.system and refunds.order_id = invoices.source_order_id
    left join counted_invoices as told
        on refunds.system = told.system and refunds.source_refund_id = told.source_order_id and told.is_return
    group by refunds.system, refunds.source_refund_id

),

unioned as (

    select * from of_invoices
    union all
    select * from of_refunds

),

final as (

    -- A refund in another currency than its order's cannot reduce it.
    select
        unioned.system || '-' || unioned.source_refund_id as refund_id,
        unioned.invoice_id,
        unioned.system,
        unioned.source_system,
        unioned.source_refund_id,
        orders.order_id,
        unioned.record_key,
        unioned.system || '-' || unioned.store_id as store_id,
        unioned.currency,
        {{ round_money('unioned.amount', 'currencies.minor_unit') }} as amount,
        unioned.is_voided,
        unioned.business_date,
        unioned.refunded_at
    from unioned
    inner join currencies on unioned.currency = currencies.currency
    left join counted_invoices as orders
        on
            unioned.system = orders.system
            and unioned.source_order_id = orders.source_order_id
            and unioned.currency = orders.currency
            and orders.is_sale

)

select * from final
