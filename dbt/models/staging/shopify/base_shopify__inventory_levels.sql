-- Grain: one row per inventory level version as delivered.
with raw_rows as (
    select * from {{ source('raw_shopify', 'inventory_levels') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('inventory_item_id') }} as inventory_item_id,
        {{ to_text('location_id') }} as location_id,
        {{ to_integer('available') }} as available_quantity,
        {{ to_time('updated_at') }} as updated_at,
        available as available_text,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['inventory_item_id', 'location_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when
                typed.inventory_item_id is null
                or typed.location_id is null
                then 'key_missing'
            when {{ is_unreadable('typed.available_text', 'typed.available_quantity') }} then 'available_not_a_number'
            when typed.updated_at is null then 'updated_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
