-- Grain: one row per ticket version as delivered.
with raw_rows as (
    select * from {{ source('raw_zendesk', 'tickets') }}
),

loads as (
    {{ load_times() }}
),

parsed as (
    select
        {{ to_json_text('raw_rows.via') }} as via_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ to_text('id') }} as ticket_id,
        {{ to_text('requester_id') }} as requester_id,
        {{ to_text('organization_id') }} as organization_id,
        {{ to_text('subject') }} as subject,
        -- A drop-down's option is a tag as well, so the category is read from either.
        coalesce(
            {{ matched('tags', 'category_([A-Za-z0-9_]+)') }},
            {{ matched('custom_fields', 'category_([A-Za-z0-9_]+)') }},
            {{ to_text('type') }}
        ) as category,
        {{ json_text('via_json', '$.channel') }} as channel,
        {{ to_text('status') }} as status,
        {{ to_text('priority') }} as priority,
        coalesce(
            {{ matched('subject', order_name_pattern()) }},
            {{ matched('custom_fields', order_name_pattern()) }},
            {{ matched('description', order_name_pattern()) }},
            {{ matched('subject', marketplace_number_pattern()) }},
            {{ matched('description', marketplace_number_pattern()) }}
        ) as order_name,
        coalesce(
            {{ to_quantity(matched('tags', nps_pattern())) }},
            {{ to_quantity(matched('custom_fields', nps_pattern())) }}
        ) as nps_score,
        {{ to_text('tags') }} as tags,
        {{ to_time('created_at') }} as created_at,
        {{ to_time('updated_at') }} as updated_at,
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
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
