-- Grain: one row per order number of a mapped export, with its amounts settled or the rule that keeps it out.
{{ config(materialized='table') }}
{%- set discounts = [
    'line_discount_amount', 'coalesce(stated_discount_amount, 0)',
    'line_discount_amount + coalesce(stated_discount_amount, 0)',
] %}
{%- set charges = 'coalesce(stated_shipping_amount, 0)' %}

with invoices as (

    select * from {{ ref('int_exports__invoices') }}

),

line_amounts as (

    select * from {{ ref('int_exports__line_amounts') }}

),

broken_headers as (

    select distinct key from {{ ref('quarantine__exports__orders') }}

),

broken_lines as (

    select distinct group_key from {{ ref('quarantine__exports__order_lines') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

line_totals as (

    select
        order_id,
        sum(case when quantity >= 0 then listed_amount end) as listed_amount,
        sum(case when quantity >= 0 then discount_amount end) as discount_amount,
        sum(case when quantity >= 0 then surcharge_amount end) as surcharge_amount,
        sum(case when quantity >= 0 then line_tax_amount end) as tax_amount,
        bool_and(line_tax_amount is not null or quantity < 0) as is_tax_told_by_line,
        sum(case when quantity < 0 then given_back_amount end) as given_back_amount,
        bool_or(discount_amount > listed_amount) as has_discount_beyond_price
    from line_amounts
    group by order_id

),

stated as (

    -- What an invoice says it comes to has the lines given back on it already taken off.
    select
        invoices.order_id,
        invoices.sale_lines,
        line_totals.listed_amount as line_listed_amount,
        coalesce(line_totals.discount_amount, 0) as line_discount_amount,
        coalesce(line_totals.surcharge_amount, 0) as line_surcharge_amount,
        coalesce(line_totals.is_tax_told_by_line, false) as is_tax_told_by_line,
        coalesce(line_totals.has_discount_beyond_price, false) as has_discount_beyond_price,
        coalesce(line_totals.tax_amount, 0) as line_tax_amount,
        {{ round_money('invoices.net_amount', 'currencies.minor_unit') }}
        + case when invoices.sale_lines > 0 then coalesce(line_totals.given_back_amount, 0) else 0 end
            as stated_net_amount,
        {{ round_money('invoices.gross_amount', 'currencies.minor_unit') }} as stated_gross_amount,
        {{ round_money('abs(invoices.discount_amount)', 'currencies.minor_unit') }} as stated_discount_amount,
        {{ round_money('invoices.shipping_amount', 'currencies.minor_unit') }} as stated_shipping_amount,
        coalesce({{ round_money('invoices.tax_amount', 'currencies.minor_unit') }}, line_totals.tax_amount)
            as stated_tax_amount,
        case
            when invoices.currency is null then 'currency_unknown'
            when not invoices.has_header and broken_headers.key is not null then 'order_not_staged'
            when invoices.ordered_at is null then 'order_time_missing'
            when
                invoices.sale_lines + invoices.return_lines + invoices.refund_lines = 0
                and invoices.net_amount is null
                and broken_lines.group_key is not null
                then 'order_has_broken_line'
            when
                invoices.sale_lines + invoices.return_lines + invoices.refund_lines = 0
                and invoices.net_amount is null
                and invoices.gross_amount is null
                then 'amount_missing'
        end as held_by_rule
    from invoices
    left join line_totals on invoices.order_id = line_totals.order_id
    left join currencies on invoices.currency = currencies.currency
    left join broken_headers
        on broken_headers.key = {{ row_key(['system', 'source_order_id'], 'invoices') }}
    left join broken_lines
        on broken_lines.group_key = {{ row_key(['system', 'source_order_id'], 'invoices') }}

),

goods as (

    select
        *,
        coalesce(
            line_listed_amount,
            stated_gross_amount,
            stated_net_amount - {{ charges }} - coalesce(stated_tax_amount, 0) + coalesce(stated_discount_amount, 0)
        ) as listed_amount
    from stated

),

fitted as (

    select
        *,
        coalesce(
            {% for discount in discounts -%}
            listed_amount - ({{ discount }}) + {{ charges }} + coalesce(stated_tax_amount, 0) = stated_net_amount
            {{ 'or ' if not loop.last }}
            {%- endfor %}, false
        ) as fits_with_tax_added,
        coalesce(
            {% for discount in discounts -%}
            listed_amount - ({{ discount }}) + {{ charges }} = stated_net_amount
            {{ 'or ' if not loop.last }}
            {%- endfor %}, false
        ) as fits_with_tax_contained
    from goods

),

taxed as (

    -- Where no sum fits because a discount was not told, prices contain the tax if they reach the net without it.
    select
        *,
        case
            when stated_net_amount is null or fits_with_tax_added then false
            when fits_with_tax_contained then true
            else stated_net_amount <= listed_amount - line_discount_amount + {{ charges }}
        end
        and coalesce(stated_tax_amount, 0) <> 0 as is_tax_contained
    from fitted

),

due as (

    select
        *,
        case when is_tax_contained then 0 else coalesce(stated_tax_amount, 0) end as added_tax_amount,
        coalesce(
            stated_net_amount,
            listed_amount
            - greatest(line_discount_amount, coalesce(stated_discount_amount, 0))
            + {{ charges }}
            + coalesce(stated_tax_amount, 0)
            + line_surcharge_amount
        ) as due_amount
    from taxed

),

missing as (

    -- What is missing to the amount due and on no line yet is the order's discount; what is too much, a surcharge.
    select
        *,
        listed_amount - line_discount_amount + {{ charges }} + added_tax_amount - due_amount as missing_amount
    from due

),

spread as (

    select
        *,
        least(greatest(missing_amount, 0), listed_amount - line_discount_amount) as order_discount_amount,
        greatest(-missing_amount, 0) as other_amount
    from missing

),

final as (

    -- A discount larger than the goods was one on shipping.
    select
        order_id,
        {{ money('listed_amount') }} as listed_amount,
        {{ money('line_discount_amount') }} as line_discount_amount,
        {{ money('order_discount_amount') }} as order_discount_amount,
        {{ money(charges ~ ' - (greatest(missing_amount, 0) - order_discount_amount)') }} as shipping_charge_amount,
        {{ money('other_amount') }} as other_amount,
        {{ money('added_tax_amount') }} as added_tax_amount,
        {{ money('case when is_tax_contained then stated_tax_amount else 0 end') }} as contained_tax_amount,
        is_tax_told_by_line and line_tax_amount = stated_tax_amount as is_tax_told_by_line,
        {{ money('due_amount') }} as due_amount,
        coalesce(
            held_by_rule,
            case
                when
                    (
                        stated_net_amount is not null
                        and stated_discount_amount is not null
                        and stated_shipping_amount is not null
                        and stated_tax_amount is not null
                        and not fits_with_tax_added
                        and not fits_with_tax_contained
                    )
                    or has_discount_beyond_price
                    or (
                        is_tax_contained
                        and stated_tax_amount > listed_amount - line_discount_amount - order_discount_amount
                    )
                    or {{ charges }} < greatest(missing_amount, 0) - order_discount_amount
                    or due_amount < 0
                    then 'total_mismatch'
            end
        ) as sale_held_by_rule,
        held_by_rule
    from spread

)

select * from final
