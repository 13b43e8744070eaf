-- Grain: one row per deleted ticket version as delivered.
with raw_rows as (
    select * from {{ source('raw_zendesk', 'deleted_tickets') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('id') }} as ticket_id,
        {{ to_text('previous_state') }} as previous_status,
        {{ to_time('deleted_at') }} as deleted_at,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['ticket_id'], 'typed') }} as _row_key,
        coalesce(typed.deleted_at, loads._loaded_at) as version_at,
        case
            when typed.ticket_id is null then 'key_missing'
            when typed.deleted_at is null then 'deleted_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
