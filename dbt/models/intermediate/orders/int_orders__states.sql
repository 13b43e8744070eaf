-- Grain: one row per order: all that may still change after it was sold, with its fingerprint.
-- That is the person, the refunds, the exchange rate and the order's number.
{{ config(materialized='table') }}
{%- set reporting_units = minor_units_per_major(reporting_minor_unit()) %}

with headers as (

    select * from {{ ref('int_orders__headers') }}

),

lines as (

    select * from {{ ref('int_orders__lines') }}

),

refunds as (

    select * from {{ ref('int_orders__refunds') }}
    where status = 'counted' and order_id is not null

),

refunded_lines as (

    select * from {{ ref('int_orders__refunded_lines') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

published_customers as (

    select * from {{ ref('int_identity__published_customers') }}

),

orders_published as (

    select * from {{ source('ops', 'orders_published') }}

),

order_numbers_before as (

    select * from {{ source('ops', 'order_numbers_before') }}

),

daily_rates as (

    select * from {{ ref('int_fx__daily_rates') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

source_ranks as (

    select * from {{ ref('source_trust') }}
    where attribute = 'order_number'

),

line_states as (

    select
        order_id,
        {{ group_fingerprint(['line_number', 'sku', 'product_name', 'category', 'quantity', 'unit_price',
                              'gross_amount', 'discount_amount', 'gift_card_sold_amount', 'is_gift_card']) }}
            as lines_fingerprint
    from lines
    group by order_id

),

refund_totals as (

    select
        order_id,
        {{ money('sum(amount)') }} as refund_amount,
        bool_or(kind = 'void') as has_void
    from refunds
    group by order_id

),

refunded_line_totals as (

    select
        order_id,
        {{ money('sum(refunded_merchandise_amount)') }} as refunded_merchandise_amount,
        {{ group_fingerprint(['line_number', 'refunded_quantity']) }} as refunded_lines_fingerprint
    from refunded_lines
    group by order_id

),

-- The numbers of orders whose person was erased in an earlier night, or is tonight.
kept_numbers as (

    select
        order_id,
        arg_max(customer_order_number, night) as customer_order_number
    from (
        select * from order_numbers_before
        union all
        select
            orders_published.order_id,
            orders_published.customer_order_number,
            cast(2147483647 as integer) as night
        from orders_published
        inner join published_customers on orders_published.customer_id = published_customers.customer_id
        where
            published_customers.was_active
            and published_customers.current_customer_id is null
            and orders_published.customer_order_number is not null
    ) as kept
    group by order_id

),

joined as (

    select
        headers.order_id,
        headers.source_system,
        headers.source_order_id,
        members.customer_id,
        headers.ordered_at,
        headers.due_amount,
        headers.discount_amount,
        headers.shipping_amount,
        headers.tax_amount,
        headers.gross_amount - headers.discount_amount as merchandise_amount,
        coalesce(refund_totals.refund_amount, 0) as refund_amount,
        refunded_line_totals.refunded_merchandise_amount as refunded_lines_amount,
        case
            when headers.currency = {{ reporting_currency() }} then cast(1 as decimal(20, 12))
            else daily_rates.rate
        end as fx_rate,
        case
            when headers.currency = {{ reporting_currency() }} then headers.order_date
            else daily_rates.fx_rate_date
        end as fx_rate_date,
        (headers.is_paid or headers.is_cash_on_delivery)
        and not headers.is_test
        and not headers.is_cancelled
        and not headers.is_voided
        and not headers.is_exchange
        and not headers.is_gift_card_only as is_valid,
        case
            when headers.is_voided then 'voided'
            when headers.is_cancelled then 'cancelled'
            when refund_totals.refund_amount > 0 and refund_totals.refund_amount = headers.due_amount then 'refunded'
            when refund_totals.refund_amount > 0 then 'partially_refunded'
            when headers.is_paid then 'paid'
            else 'pending'
        end as status,
        coalesce(source_ranks.rank, 99) as source_rank,
        kept_numbers.customer_order_number as kept_order_number,
        currencies.minor_unit,
        line_states.lines_fingerprint,
        refunded_line_totals.refunded_lines_fingerprint,
        {{ fingerprint(['headers.source_system', 'headers.source_order_id', 'headers.store_id', 'headers.channel',
                        'headers.payment_method', 'headers.currency', 'headers.gross_amount', 'headers.discount_amount',
                        'headers.shipping_amount', 'headers.other_amount', 'headers.tax_amount', 'headers.due_amount',
                        'headers.gift_card_sold_amount', 'headers.booked_amount', 'headers.is_test', 'headers.is_paid',
                        'headers.order_date', 'headers.reporting_date', 'headers.ordered_at', 'headers.paid_at',
                        'headers.shipped_at', 'headers.delivered_at', 'headers.is_store_pickup',
                        'headers.is_exchange',
                        'headers.cancelled_at']) }}
            as headers_fingerprint
    from headers
    left join members on headers.record_key = members.record_key
    left join kept_numbers on headers.order_id = kept_numbers.order_id
    left join line_states on headers.order_id = line_states.order_id
    left join refund_totals on headers.order_id = refund_totals.order_id
    left join refunded_line_totals on headers.order_id = refunded_line_totals.order_id
    left join daily_rates on headers.currency = daily_rates.currency and headers.order_date = daily_rates.date
    left join currencies on headers.currency = currencies.currency
    left join source_ranks on headers.source_system = source_ranks.source_system

),

numbered as (

    select
        *,
        -- Where a refund names no line, its share of merchandise is that of the order.
        {{ money('case
            when refund_amount = 0 then 0
            when refund_amount = due_amount then merchandise_amount
            when refunded_lines_amount > 0 then least(refunded_lines_amount, merchandise_amount)
            else ' ~ round_share('refund_amount', 'merchandise_amount', 'due_amount', 'minor_unit') ~ '
        end') }} as refunded_merchandise_amount,
        case
            when is_valid and customer_id is null then kept_order_number
            when is_valid
                then cast(row_number() over (
                    partition by customer_id, is_valid
                    order by ordered_at, source_rank, source_order_id
                ) as integer)
        end as customer_order_number
    from joined

),

-- Minor units of the reporting currency, to hand out in proportion to goods, tax and what is left, the shipping.
in_units as (

    select
        *,
        cast({{ round_money('due_amount * fx_rate', reporting_minor_unit()) }} * {{ reporting_units }} as hugeint)
            as due_units,
        cast(due_amount * 1000 as hugeint) as due_weight,
        cast(merchandise_amount * 1000 as hugeint) as goods_weight,
        cast(shipping_amount * 1000 as hugeint) as shipping_weight,
        cast(tax_amount * 1000 as hugeint) as tax_weight
    from numbered

),

-- A cash rounding may make the shipping negative, so the remainder is counted from below.
truncated as (

    select
        *,
        {{ part_remainder('due_units', 'goods_weight', 'due_weight') }} as goods_remainder,
        {{ part_remainder('due_units', 'shipping_weight', 'due_weight') }} as shipping_remainder,
        {{ part_remainder('due_units', 'tax_weight', 'due_weight') }} as tax_remainder
    from in_units

),

placed as (

    select
        *,
        (goods_remainder + shipping_remainder + tax_remainder) // due_weight as missing_units,
        1 + cast(shipping_remainder > goods_remainder as int) + cast(tax_remainder > goods_remainder as int)
            as goods_place,
        1 + cast(goods_remainder >= tax_remainder as int) + cast(shipping_remainder >= tax_remainder as int)
            as tax_place
    from truncated

),

shared as (

    select
        *,
        {{ part_units('due_units', 'goods_weight', 'due_weight', 'goods_remainder', 'goods_place <= missing_units') }}
            as goods_units,
        {{ part_units('due_units', 'tax_weight', 'due_weight', 'tax_remainder', 'tax_place <= missing_units') }}
            as tax_units
    from placed

),

-- Parts that cancel out have no proportion; what rounds the one is taken off the other.
reporting as (

    select
        *,
        {{ money('due_units / ' ~ reporting_units) }} as due_amount_reporting,
        {{ money('case
            when due_weight > 0 then goods_units / ' ~ reporting_units ~ '
            else ' ~ round_money('merchandise_amount * fx_rate', reporting_minor_unit()) ~ '
        end') }} as merchandise_amount_reporting,
        {{ money('case
            when due_weight > 0 then tax_units / ' ~ reporting_units ~ '
            else ' ~ round_money('tax_amount * fx_rate', reporting_minor_unit()) ~ '
        end') }} as tax_amount_reporting,
        {{ round_money('discount_amount * fx_rate', reporting_minor_unit()) }} as discount_amount_reporting,
        {{ round_money('cast(due_amount - refund_amount as decimal(18, 3)) * fx_rate', reporting_minor_unit()) }}
            as net_amount_reporting
    from shared

),

final as (

    select
        order_id,
        customer_id,
        status,
        customer_order_number,
        refund_amount,
        refunded_merchandise_amount,
        due_amount_reporting,
        merchandise_amount_reporting,
        discount_amount_reporting,
        {{ money('due_amount_reporting - merchandise_amount_reporting - tax_amount_reporting') }}
            as shipping_amount_reporting,
        tax_amount_reporting,
        net_amount_reporting,
        fx_rate,
        fx_rate_date,
        is_valid,
        {{ fingerprint(['headers_fingerprint', 'customer_id', 'status', 'customer_order_number', 'refund_amount',
                        'refunded_merchandise_amount', 'fx_rate', 'fx_rate_date', 'is_valid', 'lines_fingerprint',
                        'refunded_lines_fingerprint', reporting_currency()]) }} as _fingerprint
    from reporting

)

select * from final
