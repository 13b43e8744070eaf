-- Grain: one row per staged line of a mapped export, with what the line by itself says of money.
{{ config(materialized='view') }}

with lines as (

    select * from {{ ref('stg_exports__order_lines') }}

),

invoices as (

    select * from {{ ref('int_exports__invoices') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

joined as (

    select
        invoices.order_id,
        lines.system,
        lines.order_id as source_order_id,
        lines._item_key as source_line_id,
        lines.line_number,
        lines.original_order_id,
        lines.sku,
        lines.product_name,
        lines.category,
        lines.quantity,
        lines.unit_price,
        lines.net_amount,
        lines.line_tax_amount,
        abs(coalesce(lines.discount_amount, 0)) as stated_discount_amount,
        coalesce(currencies.minor_unit, 2) as minor_unit,
        lines._load_id,
        lines._row_number
    from lines
    inner join invoices on lines.system = invoices.system and lines.order_id = invoices.source_order_id
    left join currencies on invoices.currency = currencies.currency

),

listed as (

    -- Without a price, what was paid and what came off it make the list price.
    select
        * exclude (line_tax_amount, net_amount, stated_discount_amount),
        {{ round_money('abs(net_amount)', 'minor_unit') }} as net_amount,
        {{ round_money('abs(line_tax_amount)', 'minor_unit') }} as line_tax_amount,
        {{ round_money('stated_discount_amount', 'minor_unit') }} as stated_discount_amount,
        case
            when unit_price is not null
                then {{ round_money('cast(abs(quantity) * unit_price as decimal(28, 6))', 'minor_unit') }}
            else {{ round_money('abs(net_amount) + stated_discount_amount', 'minor_unit') }}
        end as listed_amount
    from joined

),

discounted as (

    select
        *,
        case
            when net_amount is null then stated_discount_amount
            -- A net with the tax on top.
            when listed_amount - stated_discount_amount + line_tax_amount = net_amount then stated_discount_amount
            else greatest(listed_amount - net_amount, 0)
        end as discount_amount
    from listed

),

final as (

    select
        order_id,
        system,
        source_order_id,
        source_line_id,
        line_number,
        original_order_id,
        sku,
        product_name,
        category,
        quantity,
        {{ money('coalesce(unit_price, listed_amount / nullif(abs(quantity), 0), 0)') }} as unit_price,
        {{ money('listed_amount') }} as listed_amount,
        {{ money('discount_amount') }} as discount_amount,
        {{ money('line_tax_amount') }} as line_tax_amount,
        -- What a line's net has beyond its price, unless that is its tax.
        {{ money('case
            when net_amount is null then 0
            when listed_amount - stated_discount_amount + line_tax_amount = net_amount then 0
            else greatest(net_amount - listed_amount, 0)
        end') }} as surcharge_amount,
        {{ money('coalesce(net_amount, listed_amount - discount_amount)') }} as given_back_amount,
        minor_unit,
        _load_id,
        _row_number
    from discounted

)

select * from final
