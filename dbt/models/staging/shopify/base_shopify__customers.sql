-- Grain: one row per web shop customer version as delivered.
with raw_rows as (
    select * from {{ source('raw_shopify', 'customers') }}
),

loads as (
    {{ load_times() }}
),

parsed as (
    select
        coalesce(
            {{ to_json_text('raw_rows.default_address') }},
            json_extract({{ to_json_text('raw_rows.addresses') }}, '$[0]')
        ) as address_json,
        {{ to_json_text('raw_rows.email_marketing_consent') }} as email_consent_json,
        {{ to_json_text('raw_rows.sms_marketing_consent') }} as sms_consent_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ to_text('id') }} as customer_id_shopify,
        {{ to_text('email') }} as email,
        coalesce({{ to_text('phone') }}, {{ json_text('address_json', '$.phone') }}) as phone,
        {{ to_text('first_name') }} as given_name,
        {{ to_text('last_name') }} as family_name,
        {{ json_text('address_json', '$.name') }} as address_name,
        {{ json_text('address_json', '$.address1') }} as street,
        {{ json_text('address_json', '$.city') }} as city,
        {{ json_text('address_json', '$.province') }} as province,
        {{ json_text('address_json', '$.country') }} as country,
        {{ json_text('address_json', '$.zip') }} as postcode,
        {{ to_text('currency') }} as currency,
        {{ shopify_consent('email_consent_json') }} as consent_email,
        {{ shopify_consent('sms_consent_json') }} as consent_sms,
        {{ to_text('state') }} as state,
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
        coalesce(
            nullif(trim(coalesce(typed.given_name, '') || ' ' || coalesce(typed.family_name, '')), ''),
            typed.address_name
        ) as full_name,
        {{ row_key(['customer_id_shopify'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.customer_id_shopify is null then 'key_missing'
            when typed.created_at is null then 'created_at_not_a_time'
            when typed.updated_at is null then 'updated_at_not_a_time'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
