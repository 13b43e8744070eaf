-- Grain: one row per rating version as delivered.
with raw_rows as (
    select * from {{ source('raw_zendesk', 'satisfaction_ratings') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('id') }} as rating_id,
        {{ to_text('ticket_id') }} as ticket_id,
        {{ to_text('score') }} as score_text,
        case
            when score like 'good%' then 1
            when score like 'bad%' then 0
        end as csat_score,
        {{ to_time('created_at') }} as rated_at,
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
        {{ row_key(['rating_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.rating_id is null then 'key_missing'
            when typed.ticket_id is null then 'ticket_missing'
            when typed.score_text is null then 'score_missing'
            when typed.rated_at is null then 'rated_at_not_a_time'
            when typed.updated_at is null then 'updated_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
