-- Grain: one row per user version as delivered.
with raw_rows as (
    select * from {{ source('raw_zendesk', 'users') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('id') }} as user_id,
        {{ to_text('name') }} as full_name,
        {{ to_text('email') }} as email,
        {{ to_text('phone') }} as phone,
        {{ to_text('role') }} as role,
        {{ to_text('external_id') }} as external_id,
        {{ to_text('organization_id') }} as organization_id,
        coalesce({{ to_boolean('active') }}, true) as is_active,
        {{ to_time('created_at') }} as created_at,
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
        {{ row_key(['user_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.user_id is null then 'key_missing'
            when typed.created_at is null then 'created_at_not_a_time'
            when typed.updated_at is null then 'updated_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
