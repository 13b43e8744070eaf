-- Grain: one row per touchpoint of a mapped export as delivered.
{%- set content = ['system', 'touchpoint_word', 'occurred_at_text', 'timezone'] + identifier_columns() + [
    'device_id', 'given_click_id', 'given_channel', 'given_campaign', 'url',
] %}

with raw_rows as (
    select * from {{ source('raw_exports', 'touchpoints') }}
),

loads as (
    {{ load_times() }}
),

words as (
    select * from {{ ref('export_words') }}
),

trimmed as (
    select
        {%- for column in ['source_system', 'system'] + identifier_columns() + ['device_id', 'url', 'timezone'] %}
        {{ to_text(column) }} as {{ column }},
        {%- endfor %}
        {{ to_text('touchpoint_id') }} as given_touchpoint_id,
        {{ to_text('click_id') }} as given_click_id,
        {{ to_text('campaign') }} as given_campaign,
        {{ plain_word('channel') }} as given_channel,
        {{ plain_word('touchpoint_type') }} as touchpoint_word,
        {{ to_text('occurred_at') }} as occurred_at_text,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

-- What the row says, as one short text. A row without an id of its own is known again by it.
summed as (
    select
        *,
        md5(
            {%- for column in content %}
            coalesce(replace({{ column }}, '|', '\|'), '') || '|'{{ ' ||' if not loop.last }}
            {%- endfor %}
        ) as content_hash
    from trimmed
),

numbered as (
    select
        *,
        row_number() over (partition by _load_id, content_hash order by _row_number) as copy_number
    from summed
),

typed as (
    select
        numbered.*,
        -- Rows that say the same are as many touchpoints as their file holds of them, and not more when it comes again.
        coalesce(
            numbered.given_touchpoint_id, 'row-' || numbered.content_hash || '-' || numbered.copy_number
        ) as touchpoint_id,
        coalesce(words.meaning, numbered.touchpoint_word) as touchpoint_type,
        {{ to_instant('numbered.occurred_at_text', 'numbered.timezone') }} as occurred_at,
        coalesce(
            numbered.given_click_id,
            {{ matched('numbered.url', '[?&](?:gclid|fbclid|clickid)=([^&#]+)') }}
        ) as click_id,
        {{ matched('numbered.url', '[?&](gclid|fbclid|clickid)=[^&#]+') }} as click_id_type,
        url_decode(replace({{ matched('numbered.url', '[?&]utm_source=([^&#]+)') }}, '+', ' ')) as utm_source,
        url_decode(replace({{ matched('numbered.url', '[?&]utm_medium=([^&#]+)') }}, '+', ' ')) as utm_medium,
        coalesce(
            numbered.given_campaign,
            url_decode(replace({{ matched('numbered.url', '[?&]utm_campaign=([^&#]+)') }}, '+', ' '))
        ) as campaign,
        {{ matched('numbered.url', '^(?:[A-Za-z]+://[^/?#]*)?([^?#]*)') }} as path,
        numbered.given_channel as channel
    from numbered
    left join words on numbered.touchpoint_word = words.word and words.field = 'touchpoint_type'
),

judged as (
    select
        typed.*,
        {{ record_of_row('typed', 'message_address', anonymous=true) }},
        {{ row_key(['system', 'touchpoint_id'], 'typed') }} as _row_key,
        {{ load_order_only() }} as version_at,
        coalesce(
            case when typed.system is null then 'key_missing' end,
            {{ broken_time_rule(['occurred_at'], 'typed', needed=['occurred_at']) }},
            case when typed.touchpoint_type is null then 'touchpoint_type_missing' end
        ) as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
