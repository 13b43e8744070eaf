-- Grain: one row per version of a ticket's metrics as delivered.
with raw_rows as (
    select * from {{ source('raw_zendesk', 'ticket_metrics') }}
),

loads as (
    {{ load_times() }}
),

parsed as (
    select
        {{ to_json_text('raw_rows.reply_time_in_minutes') }} as reply_json,
        {{ to_json_text('raw_rows.full_resolution_time_in_minutes') }} as resolution_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ to_text('ticket_id') }} as ticket_id,
        {{ plus_minutes(to_time('created_at'), to_integer(json_text('reply_json', '$.calendar'))) }}
            as first_replied_at,
        {{ to_time('solved_at') }} as solved_at,
        coalesce({{ to_integer('reopens') }}, 0) as reopens,
        coalesce({{ to_integer('replies') }}, 0) as replies,
        {{ to_integer(json_text('resolution_json', '$.calendar')) }} as full_resolution_minutes,
        {{ to_integer(json_text('reply_json', '$.business')) }} as reply_business_minutes,
        {{ to_integer(json_text('resolution_json', '$.business')) }} as full_resolution_business_minutes,
        {{ to_time('created_at') }} as created_at,
        {{ to_time('updated_at') }} as updated_at,
        solved_at as solved_at_text,
        reopens as reopens_text,
        replies as replies_text,
        _raw_row,
        _file_name,
        _row_number,
        _load_id
    from parsed
),

judged as (
    select
        typed.*,
        {{ row_key(['ticket_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.ticket_id is null then 'key_missing'
            when typed.created_at is null then 'created_at_not_a_time'
            when typed.updated_at is null then 'updated_at_not_a_time'
            when {{ is_unreadable('typed.solved_at_text', 'typed.solved_at') }} then 'solved_at_not_a_time'
            when
                {{ is_unreadable('typed.reopens_text', to_integer('typed.reopens_text')) }}
                or {{ is_unreadable('typed.replies_text', to_integer('typed.replies_text')) }}
                then 'count_not_a_number'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
