-- Grain: one row per location version as delivered.
with raw_rows as (
    select * from {{ source('raw_shopify', 'locations') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('id') }} as location_id,
        {{ to_text('name') }} as location_name,
        {{ to_text('city') }} as city,
        {{ to_text('province') }} as province,
        coalesce({{ to_text('country_code') }}, {{ to_text('country') }}) as country,
        coalesce({{ to_boolean('active') }}, true) as is_active,
        coalesce({{ to_boolean('legacy') }}, false) as is_legacy,
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
        {{ row_key(['location_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.location_id is null then 'key_missing'
            when typed.updated_at is null then 'updated_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
