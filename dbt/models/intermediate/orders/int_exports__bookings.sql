-- Grain: one row per booking that mapped exports tell of, worked out from their staged rows alone.
{{ config(materialized='view') }}

with headers as (

    select * from {{ ref('stg_exports__orders') }}

),

lines as (

    select
        *,
        -- What the newest file says first holds.
        (_load_id, -_row_number) as precedence
    from {{ ref('stg_exports__order_lines') }}

),

refunds as (

    select * from {{ ref('stg_exports__refunds') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

held as (

    select * from {{ ref('quarantine__exports__held_orders') }}
    where kind = 'order'

),

told_on_lines as (

    select
        system,
        order_id,
        arg_max(source_system, precedence) as source_system,
        arg_max(currency, precedence) as currency,
        arg_max(order_date, precedence) as order_date,
        arg_max(status, precedence) as status,
        arg_max(payment_method, precedence) as payment_method,
        arg_max(channel, precedence) as channel,
        arg_max(email, precedence) as email,
        arg_max(order_net_amount, precedence) as net_amount,
        arg_max(gross_amount, precedence) as gross_amount,
        arg_max(shipping_amount, precedence) as shipping_amount,
        arg_max(tax_amount, precedence) as tax_amount,
        arg_max(order_discount_amount, precedence) as discount_amount
    from lines
    group by system, order_id

),

told_by_both as (

    select
        coalesce(headers.system, told_on_lines.system) as system,
        coalesce(headers.order_id, told_on_lines.order_id) as order_id,
        coalesce(headers.source_system, told_on_lines.source_system) as source_system,
        coalesce(headers.currency, told_on_lines.currency) as currency,
        coalesce(headers.order_date, told_on_lines.order_date) as order_date,
        coalesce(headers.status, told_on_lines.status, 'paid') as status,
        coalesce(headers.payment_method, told_on_lines.payment_method) as payment_method,
        coalesce(headers.channel, told_on_lines.channel) as channel,
        coalesce(headers.email, told_on_lines.email) as email,
        coalesce(headers.net_amount, told_on_lines.net_amount) as net_amount,
        coalesce(headers.gross_amount, told_on_lines.gross_amount) as gross_amount,
        coalesce(headers.shipping_amount, told_on_lines.shipping_amount) as shipping_amount,
        coalesce(headers.tax_amount, told_on_lines.tax_amount) as tax_amount,
        abs(coalesce(headers.discount_amount, told_on_lines.discount_amount)) as discount_amount
    from headers
    full outer join told_on_lines
        on headers.system = told_on_lines.system and headers.order_id = told_on_lines.order_id

),

told as (

    select
        * replace (
            case
                when
                    {{ has_order_rule('test', 'told_by_both.system', 'told_by_both.payment_method',
                                      'told_by_both.channel', email='told_by_both.email') }}
                    then 'test'
                else status
            end as status
        )
    from told_by_both

),

rounded as (

    select
        told.* replace (
            {%- for column in ['net_amount', 'gross_amount', 'shipping_amount', 'tax_amount', 'discount_amount'] %}
            {{ round_money('told.' ~ column, 'currencies.minor_unit') }} as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        ),
        currencies.minor_unit
    from told
    inner join currencies on told.currency = currencies.currency

),

line_values as (

    select
        lines.system,
        lines.order_id,
        lines.original_order_id,
        lines.quantity,
        {{ round_money('abs(lines.net_amount)', 'rounded.minor_unit') }} as net_amount,
        {{ round_money('abs(lines.line_tax_amount)', 'rounded.minor_unit') }} as tax_amount,
        {{ round_money('abs(coalesce(lines.discount_amount, 0))', 'rounded.minor_unit') }} as discount_amount,
        {{ round_money('cast(abs(lines.quantity * lines.unit_price) as decimal(28, 6))', 'rounded.minor_unit') }}
            as priced_amount
    from lines
    inner join rounded on lines.system = rounded.system and lines.order_id = rounded.order_id

),

line_sums as (

    select
        *,
        coalesce(priced_amount, net_amount + discount_amount) as listed_amount,
        coalesce(priced_amount, net_amount + discount_amount)
        - coalesce(net_amount, coalesce(priced_amount, net_amount + discount_amount) - discount_amount) as off_amount,
        coalesce(
            coalesce(priced_amount, net_amount + discount_amount) - discount_amount + tax_amount = net_amount, false
        ) as has_tax_in_net
    from line_values

),

sold as (

    select
        system,
        order_id,
        sum(listed_amount) as listed_amount,
        sum(case when has_tax_in_net then discount_amount else greatest(off_amount, 0) end) as discount_amount,
        sum(case when not has_tax_in_net and off_amount < 0 then -off_amount else 0 end) as surcharge_amount,
        sum(tax_amount) as tax_amount
    from line_sums
    where quantity >= 0
    group by system, order_id

),

given_back_parts as (

    select
        system,
        order_id,
        original_order_id,
        sum(coalesce(net_amount, listed_amount - discount_amount)) as amount,
        count(*) over (partition by system, order_id) as parts
    from line_sums
    where quantity < 0
    group by system, order_id, original_order_id

),

given_back as (

    select
        system,
        order_id,
        sum(amount) as amount
    from given_back_parts
    group by system, order_id

),

sales as (

    select
        rounded.system,
        rounded.order_id,
        rounded.source_system,
        rounded.currency,
        rounded.order_date,
        rounded.status,
        coalesce(
            rounded.net_amount + case when sold.system is not null then coalesce(given_back.amount, 0) else 0 end,
            coalesce(sold.listed_amount, rounded.gross_amount)
            - greatest(coalesce(sold.discount_amount, 0), coalesce(rounded.discount_amount, 0))
            + coalesce(rounded.shipping_amount, 0)
            + coalesce(rounded.tax_amount, sold.tax_amount, 0)
            + coalesce(sold.surcharge_amount, 0)
        ) as amount
    from rounded
    left join sold on rounded.system = sold.system and rounded.order_id = sold.order_id
    left join given_back on rounded.system = given_back.system and rounded.order_id = given_back.order_id
    left join held on {{ row_key(['system', 'order_id'], 'rounded') }} = held.key
    where
        held.key is null
        and (
            sold.system is not null
            or (given_back.system is null and coalesce(rounded.net_amount, rounded.gross_amount) >= 0)
        )

),

returns as (

    select
        rounded.system,
        rounded.source_system,
        rounded.currency,
        rounded.order_date,
        rounded.status,
        given_back_parts.original_order_id,
        case
            when given_back_parts.system is null then -coalesce(rounded.net_amount, rounded.gross_amount)
            when sold.system is not null or given_back_parts.parts > 1 or rounded.net_amount >= 0
                then given_back_parts.amount
            else coalesce(
                -rounded.net_amount,
                given_back_parts.amount
                + abs(coalesce(rounded.shipping_amount, 0))
                + abs(coalesce(rounded.tax_amount, 0))
            )
        end as amount
    from rounded
    left join given_back_parts
        on rounded.system = given_back_parts.system and rounded.order_id = given_back_parts.order_id
    left join sold on rounded.system = sold.system and rounded.order_id = sold.order_id
    left join held on {{ row_key(['system', 'order_id'], 'rounded') }} = held.key
    where
        (held.key is null or held.rule = 'total_mismatch')
        and not exists (
            select 1
            from refunds
            where refunds.system = rounded.system and refunds.source_refund_id = rounded.order_id
        )
        and (
            given_back_parts.system is not null
            or (sold.system is null and coalesce(rounded.net_amount, rounded.gross_amount) < 0)
        )

),

reductions as (

    select
        system,
        source_system,
        currency,
        order_date as business_date,
        original_order_id as order_id,
        amount,
        status in ('cancelled', 'voided', 'test') as is_voided
    from returns
    union all
    select
        refunds.system,
        refunds.source_system,
        coalesce(refunds.currency, rounded.currency) as currency,
        refunds.refund_date as business_date,
        refunds.order_id,
        refunds.amount,
        false as is_voided
    from refunds
    left join rounded on refunds.system = rounded.system and refunds.order_id = rounded.order_id
    where coalesce(refunds.currency, rounded.currency) is not null

),

own_reductions as (

    select
        sales.system,
        sales.order_id,
        sum(reductions.amount) as amount
    from reductions
    inner join sales
        on
            reductions.system = sales.system
            and reductions.order_id = sales.order_id
            and reductions.currency = sales.currency
    group by sales.system, sales.order_id

),

final as (

    select
        source_system,
        currency,
        order_date as business_date,
        amount
    from sales
    where status != 'test'
    union all
    -- What an export calls cancelled, voided or refunded is taken back on its own day, less what was refunded already.
    select
        sales.source_system,
        sales.currency,
        sales.order_date as business_date,
        -greatest(sales.amount - coalesce(own_reductions.amount, 0), 0) as amount
    from sales
    left join own_reductions on sales.system = own_reductions.system and sales.order_id = own_reductions.order_id
    where sales.status in ('cancelled', 'voided', 'refunded')
    union all
    select
        reductions.source_system,
        reductions.currency,
        reductions.business_date,
        -reductions.amount as amount
    from reductions
    left join sales
        on
            reductions.system = sales.system
            and reductions.order_id = sales.order_id
            and reductions.currency = sales.currency
    where not reductions.is_voided and coalesce(sales.status, '') != 'test'

)

select * from final
