-- Grain: one row per exchange rate as delivered.
with raw_rows as (
    select * from {{ source('raw_exports', 'fx_rates') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('source_system') }} as source_system,
        {{ to_date('date') }} as date,
        upper({{ to_text('base_currency') }}) as base_currency,
        upper({{ to_text('quote_currency') }}) as quote_currency,
        {{ to_rate('rate') }} as rate,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['source_system', 'date', 'base_currency', 'quote_currency'], 'typed') }} as _row_key,
        {{ load_order_only() }} as version_at,
        case
            when typed.source_system is null then 'key_missing'
            when typed.date is null then 'date_not_a_date'
            when not {{ is_currency('typed.base_currency') }} or not {{ is_currency('typed.quote_currency') }}
                then 'currency_unknown'
            when typed.rate is null then 'rate_not_a_number'
            when typed.rate <= 0 then 'rate_not_positive'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
