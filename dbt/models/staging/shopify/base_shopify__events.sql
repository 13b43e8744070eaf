-- Grain: one row per event version as delivered.
with raw_rows as (
    select * from {{ source('raw_shopify', 'events') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('id') }} as event_id,
        {{ to_text('subject_type') }} as subject_type,
        {{ to_text('subject_id') }} as subject_id,
        {{ to_text('verb') }} as verb,
        {{ to_time('created_at') }} as occurred_at,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['event_id'], 'typed') }} as _row_key,
        coalesce(typed.occurred_at, loads._loaded_at) as version_at,
        case
            when typed.event_id is null then 'key_missing'
            when
                typed.subject_id is null
                or typed.subject_type is null
                then 'subject_missing'
            when typed.occurred_at is null then 'created_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
