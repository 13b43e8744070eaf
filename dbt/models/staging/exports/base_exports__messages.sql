-- Grain: one row per message event of a mapped export as delivered.
{%- set texts = ['source_system', 'system', 'message_id'] + identifier_columns() + [
    'campaign', 'template', 'timezone',
] %}

with raw_rows as (
    select * from {{ source('raw_exports', 'messages') }}
),

loads as (
    {{ load_times() }}
),

words as (
    select * from {{ ref('export_words') }}
),

trimmed as (
    select
        {%- for column in texts %}
        {{ to_text(column) }} as {{ column }},
        {%- endfor %}
        {{ plain_word('event') }} as event_word,
        {{ plain_word('channel') }} as channel_word,
        {{ to_text('occurred_at') }} as occurred_at_text,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

typed as (
    select
        trimmed.*,
        -- A word that nobody knows stays what it is, so that the row keeps a key under which a mended one finds it.
        coalesce(event_words.meaning, trimmed.event_word) as event,
        event_words.meaning is not null as is_known_event,
        coalesce(channel_words.meaning, trimmed.channel_word) as channel,
        {{ to_instant('trimmed.occurred_at_text', 'trimmed.timezone') }} as occurred_at
    from trimmed
    left join words as event_words
        on trimmed.event_word = event_words.word and event_words.field = 'message_event'
    left join words as channel_words
        on trimmed.channel_word = channel_words.word and channel_words.field = 'message_channel'
),

judged as (
    select
        typed.*,
        {{ record_of_row('typed', 'message_address') }},
        {{ row_key(['system', 'message_id', 'event', 'occurred_at'], 'typed') }} as _row_key,
        {{ load_order_only() }} as version_at,
        coalesce(
            case when typed.system is null or typed.message_id is null then 'key_missing' end,
            {{ broken_time_rule(['occurred_at'], 'typed', needed=['occurred_at']) }},
            case
                when not typed.is_known_event then 'event_unknown'
                when typed.channel is null then 'channel_missing'
            end
        ) as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
