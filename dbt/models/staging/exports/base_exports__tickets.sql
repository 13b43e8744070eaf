-- Grain: one row per ticket of a mapped export as delivered.
{%- set texts = ['source_system', 'system', 'ticket_id'] + identifier_columns() + [
    'full_name', 'order_name', 'timezone',
] %}
{%- set numbers = ['csat_score', 'nps_score', 'replies', 'reopens', 'wait_seconds', 'talk_seconds'] %}
{%- set times = ['created_at', 'first_replied_at', 'solved_at'] %}

with raw_rows as (
    select * from {{ source('raw_exports', 'tickets') }}
),

loads as (
    {{ load_times() }}
),

trimmed as (
    select
        {%- for column in texts %}
        {{ to_text(column) }} as {{ column }},
        {%- endfor %}
        lower({{ to_text('channel') }}) as channel,
        {{ to_text('category') }} as category,
        lower({{ to_text('status') }}) as status,
        {%- for column in numbers + times %}
        {{ to_text(column) }} as {{ column }}_text,
        {%- endfor %}
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

typed as (
    select
        trimmed.*,
        {%- for column in numbers %}
        {{ to_quantity('trimmed.' ~ column ~ '_text') }} as {{ column }},
        {%- endfor %}
        {{ to_instant('trimmed.created_at_text', 'trimmed.timezone') }} as created_at,
        {{ to_instant('trimmed.first_replied_at_text', 'trimmed.timezone') }} as first_replied_at,
        {{ to_instant('trimmed.solved_at_text', 'trimmed.timezone') }} as solved_at
    from trimmed
),

judged as (
    select
        typed.*,
        {{ record_of_row('typed', 'requester') }},
        {{ row_key(['system', 'ticket_id'], 'typed') }} as _row_key,
        {{ load_order_only() }} as version_at,
        coalesce(
            case when typed.system is null or typed.ticket_id is null then 'key_missing' end,
            {{ broken_time_rule(times, 'typed', needed=['created_at']) }},
            case
                {%- for column in numbers %}
                when {{ is_unreadable('typed.' ~ column ~ '_text', 'typed.' ~ column) }}
                    then '{{ column }}_not_a_number'
                {%- endfor %}
                when typed.nps_score not between 0 and 10 then 'nps_score_out_of_range'
            end
        ) as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
