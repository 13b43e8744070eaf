-- Grain: one row per customer of a mapped export as delivered.
{%- set texts = ['source_system', 'system'] + identifier_columns() + [
    'full_name', 'given_name', 'family_name', 'gender', 'street', 'city', 'province', 'country', 'postcode', 'timezone',
] %}

with raw_rows as (
    select * from {{ source('raw_exports', 'customers') }}
),

loads as (
    {{ load_times() }}
),

trimmed as (
    select
        {%- for column in texts %}
        {{ to_text(column) }} as {{ column }},
        {%- endfor %}
        {%- for column in ['birth_date', 'consent_sms', 'consent_email', 'created_at', 'updated_at'] %}
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
        {{ to_date('trimmed.birth_date_text') }} as birth_date,
        {{ to_boolean('trimmed.consent_sms_text') }} as consent_sms,
        {{ to_boolean('trimmed.consent_email_text') }} as consent_email,
        {{ to_instant('trimmed.created_at_text', 'trimmed.timezone') }} as created_at,
        {{ to_instant('trimmed.updated_at_text', 'trimmed.timezone') }} as updated_at
    from trimmed
),

judged as (
    select
        typed.*,
        {{ record_of_row('typed', 'customer') }},
        {{ row_key(['system', 'customer_key'], 'typed') }} as _row_key,
        -- Rows that say when they were changed are ordered by it, the others by their loads.
        coalesce(typed.updated_at, {{ load_order_only() }}) as version_at,
        coalesce(
            case when typed.system is null or typed.customer_key is null then 'key_missing' end,
            {{ broken_time_rule(['created_at', 'updated_at'], 'typed') }},
            case
                when {{ is_unreadable('typed.birth_date_text', 'typed.birth_date') }} then 'birth_date_not_a_date'
                when
                    {{ is_unreadable('typed.consent_sms_text', 'typed.consent_sms') }}
                    or {{ is_unreadable('typed.consent_email_text', 'typed.consent_email') }}
                    then 'consent_not_yes_or_no'
            end
        ) as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
