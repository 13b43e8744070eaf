-- Grain: one row per transaction version as delivered.
with raw_rows as (
    select * from {{ source('raw_shopify', 'transactions') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('id') }} as transaction_id,
        {{ to_text('order_id') }} as order_id,
        {{ to_text('parent_id') }} as parent_id,
        lower({{ to_text('kind') }}) as kind,
        lower({{ to_text('status') }}) as status,
        {{ to_text('gateway') }} as gateway,
        {{ to_text('currency') }} as currency,
        {{ to_money('amount') }} as amount,
        coalesce({{ to_boolean('test') }}, false) as is_test,
        coalesce({{ to_time('processed_at') }}, {{ to_time('created_at') }}) as processed_at,
        {{ to_time('order_updated_at') }} as order_updated_at,
        processed_at as processed_at_text,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['transaction_id'], 'typed') }} as _row_key,
        coalesce(typed.order_updated_at, loads._loaded_at) as version_at,
        case
            when typed.transaction_id is null then 'key_missing'
            when typed.order_id is null then 'order_missing'
            when typed.kind is null then 'kind_missing'
            when typed.amount is null then 'amount_not_a_number'
            when
                typed.processed_at is null
                or {{ is_unreadable('typed.processed_at_text', to_time('typed.processed_at_text')) }}
                then 'processed_at_not_a_time'
            when typed.currency is not null and not {{ is_currency('typed.currency') }} then 'currency_unknown'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
