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
    from sold

),

-- In whole minor units.
discount_shares as (

    {{ with_shares(
        'numbered',
        'order_discount_amount * units_per_major',
        '(listed_amount - discount_amount) * units_per_major',
        parts_of='order_id',
        place='place'
    ) }}

),

discounted as (

    select
        * exclude (discount_amount, share_units),
        {{ money('discount_amount + share_units / units_per_major') }} as discount_amount
    from discount_shares

),

tax_shares as (

    {{ with_shares(
        'discounted',
        'order_tax_amount * units_per_major',
        '(listed_amount - discount_amount) * units_per_major',
        parts_of='order_id',
        place='place'
    ) }}

),

final as (

    select
        order_id,
        source_line_id,
        sku,
        product_name,
        category,
        cast(case when is_numbered then given_number else place end as integer) as line_number,
        cast(quantity as decimal(18, 3)) as quantity,
        unit_price,
        listed_amount,
        discount_amount,
        {{ money('case
            when order_tax_amount = 0 then 0
            when is_tax_told_by_line then line_tax_amount
            else share_units / units_per_major
        end') }} as contained_tax_amount
    from tax_shares

)

select * from final
