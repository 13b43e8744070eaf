-- Grain: one row per metric event version as delivered.
with raw_rows as (
    select * from {{ source('raw_zendesk', 'ticket_metric_events') }}
),

loads as (
    {{ load_times() }}
),

parsed as (
    select
        {{ to_json_text('raw_rows.status') }} as status_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ to_text('id') }} as event_id,
        {{ to_text('ticket_id') }} as ticket_id,
        {{ to_text('metric') }} as metric,
        {{ to_integer('instance_id') }} as instance_id,
        {{ to_text('type') }} as event_type,
        {{ to_integer(json_text('status_json', '$.calendar')) }} as calendar_minutes,
        coalesce({{ to_boolean('deleted') }}, false) as is_deleted,
        {{ to_time('time') }} as occurred_at,
        _raw_row,
        _file_name,
        _row_number,
        _load_id
    from parsed
),

judged as (
    select
        typed.*,
        {{ row_key(['event_id'], 'typed') }} as _row_key,
        coalesce(typed.occurred_at, loads._loaded_at) as version_at,
        case
            when typed.event_id is null then 'key_missing'
            when typed.ticket_id is null then 'ticket_missing'
            when
                typed.metric is null
                or typed.event_type is null
                then 'metric_missing'
            when typed.occurred_at is null then 'time_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
