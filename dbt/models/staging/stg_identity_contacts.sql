-- Grain: one row per source record and phone number or e-mail address that any version of it ever carried.
{{ config(
    materialized='incremental',
    unique_key=['source_system', 'record_type', 'source_record_id', 'contact_type', 'contact_value'],
    meta={'loads': ['shopify.customers', 'zendesk.users', 'pos.members']},
) }}
{%- set records = [
    ('shopify', 'customer', 'base_shopify__customers', 'customer_id_shopify'),
    ('zendesk', 'requester', 'base_zendesk__users', 'user_id'),
    ('pos', 'member', 'base_pos__members', 'member_no'),
] %}

-- A version that breaks a rule still says what its record carried, as long as its key and its time are known.
with contacts as (
    {%- for source_system, record_type, base, key in records %}
    {%- set last_record = loop.last %}
    {%- for contact_type in ['phone', 'email'] %}
    select
        '{{ source_system }}' as source_system,
        '{{ record_type }}' as record_type,
        {{ key }} as source_record_id,
        '{{ contact_type }}' as contact_type,
        {{ contact_type }} as contact_value,
        updated_at as first_at,
        updated_at as last_at,
        _load_id as first_load_id,
        _load_id as last_load_id,
        _loaded_at
    from {{ ref(base) }}
    where
        {{ key }} is not null
        and {{ contact_type }} is not null
        and updated_at is not null
        and {{ in_pending_loads() }}
    {%- if not (last_record and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
),

known as (
    select * from contacts
    {%- if is_incremental() %}
    union all
    select
        earlier.source_system,
        earlier.record_type,
        earlier.source_record_id,
        earlier.contact_type,
        earlier.contact_value,
        earlier.version_at as first_at,
        earlier.last_version_at as last_at,
        earlier._load_id as first_load_id,
        earlier._staged_load_id as last_load_id,
        earlier._loaded_at
    from {{ this }} as earlier
    where
        exists (
            select 1
            from contacts
            where
                contacts.source_system = earlier.source_system
                and contacts.record_type = earlier.record_type
                and contacts.source_record_id = earlier.source_record_id
                and contacts.contact_type = earlier.contact_type
                and contacts.contact_value = earlier.contact_value
        )
    {%- endif %}
),

final as (
    select
        source_system,
        record_type,
        source_record_id,
        contact_type,
        contact_value,
        min(first_at) as version_at,
        max(last_at) as last_version_at,
        max(last_load_id) as _staged_load_id,
        min(first_load_id) as _load_id,
        min(_loaded_at) as _loaded_at
    from known
    group by source_system, record_type, source_record_id, contact_type, contact_value
)

select * from final
