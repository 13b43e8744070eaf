-- Grain: one row per store version as delivered.
with raw_rows as (
    select * from {{ source('raw_pos', 'stores') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('store_id') }} as store_id,
        {{ to_text('name') }} as store_name,
        {{ to_text('city') }} as city,
        {{ to_text('country') }} as country,
        {{ to_text('timezone') }} as timezone,
        {{ to_text('currency') }} as currency,
        {{ to_time('updated_at') }} as updated_at,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['store_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.store_id is null then 'key_missing'
            when typed.timezone is null then 'timezone_missing'
            when not {{ is_currency('typed.currency') }} then 'currency_unknown'
            when typed.updated_at is null then 'updated_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
