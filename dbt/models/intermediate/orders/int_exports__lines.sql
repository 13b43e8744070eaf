-- Grain: one row per sale line of a mapped order that is counted, with its parts of the order's discount and tax.
{{ config(materialized='table') }}

with line_amounts as (

    select * from {{ ref('int_exports__line_amounts') }}

),

amounts as (

    select * from {{ ref('int_exports__amounts') }}

),

sold as (

    select
        line_amounts.order_id,
        line_amounts.source_line_id,
        line_amounts.sku,
        line_amounts.product_name,
        line_amounts.category,
        line_amounts.quantity,
        line_amounts.unit_price,
        line_amounts.listed_amount,
        line_amounts.discount_amount,
        line_amounts.line_tax_amount,
        line_amounts._load_id,
        line_amounts._row_number,
        try_cast(line_amounts.line_number as integer) as given_number,
        amounts.order_discount_amount,
        amounts.contained_tax_amount as order_tax_amount,
        amounts.is_tax_told_by_line,
        {{ minor_units_per_major('line_amounts.minor_unit') }} as units_per_major
    from line_amounts
    inner join amounts on line_amounts.order_id = amounts.order_id
    where line_amounts.quantity >= 0 and amounts.sale_held_by_rule is null

),

-- Places and parts are asked of keys and amounts alone: whole lines would be sorted five times.
told_numbers as (

    select
        order_id,
        source_line_id,
        given_number,
        _load_id,
        _row_number,
        order_discount_amount * units_per_major as order_discount_units,
        order_tax_amount * units_per_major as order_tax_units,
        (listed_amount - discount_amount) * units_per_major as discounted_units,
        is_tax_told_by_line
    from sold

),

-- The numbers of the file, if they number each line by itself; else the lines as they stand.
numbered as (

    select
        *,
        row_number() over (
            partition by order_id
            order by given_number, _load_id, _row_number
        ) as place,
        count(distinct given_number) over (partition by order_id) = count(*) over (partition by order_id)
        and min(given_number) over (partition by order_id) > 0 as is_numbered
    from told_numbers

),

with_discount as (

    select * from numbered
    where order_discount_units <> 0

),

-- In whole minor units.
discount_shares as (

    {{ with_shares(
        'with_discount',
        'order_discount_units',
        'discounted_units',
        parts_of='order_id',
        place='place'
    ) }}

),

with_tax as (

    select
        numbered.order_id,
        numbered.source_line_id,
        numbered.place,
        numbered.order_tax_units,
        numbered.discounted_units - coalesce(discount_shares.share_units, 0) as net_units
    from numbered
    left join discount_shares
        on
            numbered.order_id = discount_shares.order_id
            and numbered.source_line_id = discount_shares.source_line_id
    where numbered.order_tax_units <> 0 and not coalesce(numbered.is_tax_told_by_line, false)

),

tax_shares as (

    {{ with_shares(
        'with_tax',
        'order_tax_units',
        'net_units',
        parts_of='order_id',
        place='place'
    ) }}

),

final as (

    select
        sold.order_id,
        sold.source_line_id,
        sold.sku,
        sold.product_name,
        sold.category,
        cast(case when numbered.is_numbered then sold.given_number else numbered.place end as integer) as line_number,
        cast(sold.quantity as decimal(18, 3)) as quantity,
        sold.unit_price,
        sold.listed_amount,
        {{ money('sold.discount_amount + coalesce(discount_shares.share_units, 0) / sold.units_per_major') }}
            as discount_amount,
        {{ money('case
            when sold.order_tax_amount <> 0 and sold.is_tax_told_by_line then sold.line_tax_amount
            else coalesce(tax_shares.share_units, 0) / sold.units_per_major
        end') }} as contained_tax_amount
    from sold
    inner join numbered on sold.order_id = numbered.order_id and sold.source_line_id = numbered.source_line_id
    left join discount_shares
        on sold.order_id = discount_shares.order_id and sold.source_line_id = discount_shares.source_line_id
    left join tax_shares
        on sold.order_id = tax_shares.order_id and sold.source_line_id = tax_shares.source_line_id

)

select * from final
