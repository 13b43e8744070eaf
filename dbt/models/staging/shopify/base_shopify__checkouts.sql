-- Grain: one row per checkout version as delivered.
with raw_rows as (
    select * from {{ source('raw_shopify', 'checkouts') }}
),

loads as (
    {{ load_times() }}
),

parsed as (
    select
        {{ to_json_text('raw_rows.customer') }} as customer_json,
        {{ to_json_text('raw_rows.line_items') }} as lines_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ to_text('id') }} as checkout_id,
        {{ json_text('customer_json', '$.id') }} as customer_id_shopify,
        {{ to_text('currency') }} as currency,
        {{ to_money('total_price') }} as total_amount,
        {{ json_list_length('lines_json') }} as lines_count,
        {{ to_text('source_name') }} as source_name,
        {{ to_text('landing_site') }} as landing_site,
        {{ to_text('referring_site') }} as referring_site,
        {{ to_time('created_at') }} as created_at,
        {{ to_time('updated_at') }} as updated_at,
        {{ to_time('completed_at') }} as completed_at,
        {{ to_time('closed_at') }} as closed_at,
        total_price as total_text,
        completed_at as completed_at_text,
        _raw_row,
        _file_name,
        _row_number,
        _load_id
    from parsed
),

judged as (
    select
        typed.*,
        {{ row_key(['checkout_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.checkout_id is null then 'key_missing'
            when typed.created_at is null then 'created_at_not_a_time'
            when typed.updated_at is null then 'updated_at_not_a_time'
            when {{ is_unreadable('typed.completed_at_text', 'typed.completed_at') }} then 'completed_at_not_a_time'
            when {{ is_unreadable('typed.total_text', 'typed.total_amount') }} then 'total_not_a_number'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
