-- Grain: one row per call version as delivered.
with raw_rows as (
    select * from {{ source('raw_zendesk', 'calls') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('id') }} as call_id,
        {{ to_text('ticket_id') }} as ticket_id,
        {{ to_text('customer_id') }} as customer_id_zendesk,
        {{ to_text('agent_id') }} as agent_id,
        {{ to_text('direction') }} as direction,
        {{ to_text('completion_status') }} as completion_status,
        {{ to_integer('duration') }} as duration_seconds,
        {{ to_integer('talk_time') }} as talk_seconds,
        {{ to_integer('wait_time') }} as wait_seconds,
        {{ to_integer('time_to_answer') }} as answer_seconds,
        {{ to_time('created_at') }} as created_at,
        {{ to_time('updated_at') }} as updated_at,
        duration as duration_text,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['call_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.call_id is null then 'key_missing'
            when typed.created_at is null then 'created_at_not_a_time'
            when typed.updated_at is null then 'updated_at_not_a_time'
            when {{ is_unreadable('typed.duration_text', 'typed.duration_seconds') }} then 'duration_not_a_number'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
