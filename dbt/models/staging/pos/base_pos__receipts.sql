-- Grain: one row per receipt version as delivered.
with raw_rows as (
    select * from {{ source('raw_pos', 'receipts') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('receipt_id') }} as receipt_id,
        {{ to_text('receipt_no') }} as receipt_no,
        {{ to_text('store_id') }} as store_id,
        {{ to_text('register_no') }} as register_no,
        {{ to_text('kind') }} as kind,
        {{ to_time('sold_at') }} as sold_at,
        {{ to_text('currency') }} as currency,
        {{ to_text('member_no') }} as member_no,
        {{ to_text('customer_name') }} as customer_name,
        {{ to_text('customer_phone') }} as customer_phone,
        {{ to_text('customer_street') }} as customer_street,
        {{ to_date('customer_birth_date') }} as customer_birth_date,
        {{ to_money('total_amount') }} as total_amount,
        coalesce({{ to_money('discount_amount') }}, 0) as discount_amount,
        coalesce({{ to_money('tax_amount') }}, 0) as tax_amount,
        coalesce({{ to_money('rounding_amount') }}, 0) as rounding_amount,
        {{ to_text('payment_method') }} as payment_method,
        {{ to_text('original_receipt_id') }} as original_receipt_id,
        {{ to_text('original_order_name') }} as original_order_name,
        {{ to_text('status') }} as status,
        {{ to_time('updated_at') }} as updated_at,
        discount_amount as discount_text,
        tax_amount as tax_text,
        rounding_amount as rounding_text,
        customer_birth_date as birth_date_text,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['receipt_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.receipt_id is null then 'key_missing'
            when typed.updated_at is null then 'updated_at_not_a_time'
            when typed.sold_at is null then 'sold_at_not_a_time'
            when typed.store_id is null then 'store_missing'
            when coalesce(typed.kind, '') not in ('sale', 'return') then 'kind_unknown'
            when coalesce(typed.status, '') not in ('completed', 'voided') then 'status_unknown'
            when not {{ is_currency('typed.currency') }} then 'currency_unknown'
            when typed.total_amount is null then 'total_not_a_number'
            when
                {{ is_unreadable('typed.discount_text', to_money('typed.discount_text')) }}
                or {{ is_unreadable('typed.tax_text', to_money('typed.tax_text')) }}
                or {{ is_unreadable('typed.rounding_text', to_money('typed.rounding_text')) }}
                then 'amount_not_a_number'
            when typed.total_amount < 0 or typed.discount_amount < 0 then 'amount_negative'
            when {{ is_unreadable('typed.birth_date_text', 'typed.customer_birth_date') }} then 'birth_date_not_a_date'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
