-- Grain: one row per source record and phone number or e-mail address that any version of it ever carried.
{{ config(
    materialized='incremental',
    unique_key=['source_system', 'record_type', 'source_record_id', 'contact_type', 'contact_value'],
    meta={'loads': ['shopify.customers', 'zendesk.users', 'pos.members']},
) }}

with customer_versions as (
    select * from {{ ref('base_shopify__customers') }} where {{ in_pending_loads() }}
),

user_versions as (
    select * from {{ ref('base_zendesk__users') }} where {{ in_pending_loads() }}
),

member_versions as (
    select * from {{ ref('base_pos__members') }} where {{ in_pending_loads() }}
),

-- A version that breaks a rule still says what its record carried, as long as its key and its time are known.
record_versions as (
    select 'shopify' as source_system, 'customer' as record_type, customer_id_shopify as source_record_id,
        phone, email, updated_at as version_at, _load_id, _loaded_at
    from customer_versions
    union all
    select 'zendesk', 'requester', user_id, phone, email, updated_at, _load_id, _loaded_at
    from user_versions
    union all
    select 'pos', 'member', member_no, phone, email, updated_at, _load_id, _loaded_at
    from member_versions
),

contacts as (
    select source_system, record_type, source_record_id, 'phone' as contact_type, phone as contact_value,
        version_at as first_at, version_at as last_at, _load_id, _loaded_at
    from record_versions
    union all
    select source_system, record_type, source_record_id, 'email', email, version_at, version_at, _load_id, _loaded_at
    from record_versions
),

touched as (
    select *
    from contacts
    where source_record_id is not null and contact_value is not null and first_at is not null
),

known as (
    select source_system, record_type, source_record_id, contact_type, contact_value, first_at, last_at, _load_id, _loaded_at
    from touched
    {%- if is_incremental() %}
    union all
    select
        earlier.source_system, earlier.record_type, earlier.source_record_id, earlier.contact_type, earlier.contact_value,
        earlier.version_at, earlier.last_version_at, earlier._load_id, earlier._loaded_at
    from {{ this }} as earlier
    where exists (
        select 1
        from touched
        where
            touched.source_system = earlier.source_system
            and touched.record_type = earlier.record_type
            and touched.source_record_id = earlier.source_record_id
            and touched.contact_type = earlier.contact_type
            and touched.contact_value = earlier.contact_value
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
        max(_load_id) as _staged_load_id,
        min(_load_id) as _load_id,
        min(_loaded_at) as _loaded_at
    from known
    group by source_system, record_type, source_record_id, contact_type, contact_value
)

select * from final
