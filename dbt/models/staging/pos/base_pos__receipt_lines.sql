-- Grain: one row per receipt line version as delivered.
with raw_rows as (
    select * from {{ source('raw_pos', 'receipt_lines') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('receipt_id') }} as receipt_id,
        {{ to_integer('line_no') }} as line_number,
        {{ to_text('sku') }} as sku,
        {{ to_text('product_name') }} as product_name,
        {{ to_text('category') }} as category,
        {{ to_quantity('quantity') }} as quantity,
        {{ to_money('unit_price') }} as unit_price,
        coalesce({{ to_money('discount_amount') }}, 0) as discount_amount,
        coalesce({{ to_money('tax_amount') }}, 0) as tax_amount,
        {{ to_time('updated_at') }} as updated_at,
        discount_amount as discount_text,
        tax_amount as tax_text,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['receipt_id', 'line_number'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.receipt_id is null or typed.line_number is null then 'key_missing'
            when typed.updated_at is null then 'updated_at_not_a_time'
            when typed.quantity is null then 'quantity_not_a_number'
            when typed.unit_price is null then 'price_not_a_number'
            when
                {{ is_unreadable('typed.discount_text', to_money('typed.discount_text')) }}
                or {{ is_unreadable('typed.tax_text', to_money('typed.tax_text')) }}
                then 'amount_not_a_number'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
