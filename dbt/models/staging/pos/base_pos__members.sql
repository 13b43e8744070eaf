-- Grain: one row per loyalty member version as delivered.
with raw_rows as (
    select * from {{ source('raw_pos', 'members') }}
),

loads as (
    {{ load_times() }}
),

typed as (
    select
        {{ to_text('member_no') }} as member_no,
        {{ to_text('full_name') }} as full_name,
        {{ to_text('phone') }} as phone,
        {{ to_text('email') }} as email,
        {{ to_date('birth_date') }} as birth_date,
        {{ to_text('gender') }} as gender,
        {{ to_text('street') }} as street,
        {{ to_text('city') }} as city,
        {{ to_text('postcode') }} as postcode,
        {{ to_text('country') }} as country,
        {{ to_text('member_level') }} as member_level,
        {{ to_text('store_id') }} as store_id,
        {{ to_boolean('consent_sms') }} as consent_sms,
        {{ to_boolean('consent_email') }} as consent_email,
        {{ to_time('joined_at') }} as joined_at,
        {{ to_time('updated_at') }} as updated_at,
        birth_date as birth_date_text,
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

judged as (
    select
        typed.*,
        {{ row_key(['member_no'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.member_no is null then 'key_missing'
            when {{ is_unreadable('typed.birth_date_text', 'typed.birth_date') }} then 'birth_date_not_a_date'
            when typed.joined_at is null then 'joined_at_not_a_time'
            when typed.updated_at is null then 'updated_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
