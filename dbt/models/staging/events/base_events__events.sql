-- Grain: one row per web or app event as delivered.
with raw_rows as (
    select * from {{ source('raw_events', 'events') }}
),

loads as (
    {{ load_times() }}
),

parsed as (
    select
        {{ to_json_text('raw_rows.properties') }} as properties_json,
        {{ to_json_text('raw_rows.context') }} as context_json,
        {{ to_json_text('raw_rows.traits') }} as traits_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ to_text('"messageId"') }} as event_id,
        {{ to_text('type') }} as event_type,
        coalesce({{ to_text('event') }}, {{ to_text('name') }}) as event_name,
        {{ to_text('"anonymousId"') }} as device_id,
        {{ to_text('"userId"') }} as user_id,
        {{ to_text('"previousId"') }} as previous_id,
        {{ to_time('"timestamp"') }} as occurred_at,
        coalesce({{ to_time('"receivedAt"') }}, {{ to_time('"timestamp"') }}) as received_at,
        coalesce({{ json_text('traits_json', '$.email') }}, {{ json_text('context_json', '$.traits.email') }}) as email,
        coalesce({{ json_text('traits_json', '$.phone') }}, {{ json_text('context_json', '$.traits.phone') }}) as phone,
        coalesce(
            {{ json_text('traits_json', '$.name') }},
            {{ json_text('context_json', '$.traits.name') }}
        ) as full_name,
        coalesce({{ json_text('properties_json', '$.url') }}, {{ json_text('context_json', '$.page.url') }}) as url,
        coalesce({{ json_text('properties_json', '$.path') }}, {{ json_text('context_json', '$.page.path') }}) as path,
        coalesce(
            {{ json_text('properties_json', '$.referrer') }},
            {{ json_text('context_json', '$.page.referrer') }}
        ) as referrer,
        coalesce(
            {{ json_text('properties_json', '$.title') }},
            {{ json_text('context_json', '$.page.title') }}
        ) as page_title,
        {{ json_text('context_json', '$.campaign.source') }} as utm_source,
        {{ json_text('context_json', '$.campaign.medium') }} as utm_medium,
        {{ json_text('context_json', '$.campaign.name') }} as utm_campaign,
        {{ json_text('properties_json', '$.sku') }} as sku,
        {{ json_text('properties_json', '$.order_id') }} as order_name,
        coalesce(
            {{ json_text('properties_json', '$.value') }},
            {{ json_text('properties_json', '$.total') }},
            {{ json_text('properties_json', '$.revenue') }}
        ) as value_text,
        {{ json_text('properties_json', '$.currency') }} as currency,
        {{ to_text('"receivedAt"') }} as received_at_text,
        _raw_row,
        _file_name,
        _row_number,
        _load_id
    from parsed
),

judged as (
    select
        typed.*,
        coalesce(
            {{ matched('typed.url', '[?&]gclid=([^&#]+)') }},
            {{ matched('typed.url', '[?&]fbclid=([^&#]+)') }},
            {{ matched('typed.url', '[?&]clickid=([^&#]+)') }}
        ) as click_id,
        case
            when {{ matched('typed.url', '[?&]gclid=([^&#]+)') }} is not null then 'gclid'
            when {{ matched('typed.url', '[?&]fbclid=([^&#]+)') }} is not null then 'fbclid'
            when {{ matched('typed.url', '[?&]clickid=([^&#]+)') }} is not null then 'clickid'
        end as click_id_type,
        {{ to_money('typed.value_text') }} as value_amount,
        {{ row_key(['event_id'], 'typed') }} as _row_key,
        coalesce(typed.received_at, loads._loaded_at) as version_at,
        case
            when typed.event_id is null then 'key_missing'
            when coalesce(typed.event_type, '') not in ('page', 'track', 'identify', 'screen', 'alias', 'group')
                then 'event_type_unknown'
            when typed.occurred_at is null then 'occurred_at_not_a_time'
            when {{ is_unreadable('typed.received_at_text', to_time('typed.received_at_text')) }}
                then 'received_at_not_a_time'
            when typed.device_id is null and typed.user_id is null then 'device_and_user_missing'
            when {{ is_unreadable('typed.value_text', to_money('typed.value_text')) }} then 'value_not_a_number'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
