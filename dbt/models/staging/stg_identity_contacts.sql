-- Grain: one row per source record and identifier that any version of it ever carried.
{{ config(
    materialized='incremental',
    unique_key=['source_system', 'record_type', 'source_record_id', 'contact_type', 'contact_value'],
    meta={'loads': [
        'shopify.customers', 'zendesk.users', 'pos.members',
        '*.customers', '*.touchpoints', '*.messages', '*.tickets', '*.orders', '*.order_lines', '*.refunds',
    ]},
) }}
{%- set records = [
    ('shopify', 'customer', 'base_shopify__customers', 'customer_id_shopify'),
    ('zendesk', 'requester', 'base_zendesk__users', 'user_id'),
    ('pos', 'member', 'base_pos__members', 'member_no'),
] %}
{%- set exports = {
    'touchpoints': 'occurred_at',
    'messages': 'occurred_at',
    'tickets': 'created_at',
} %}
{%- set waiting = {
    'touchpoints': loads_waiting_for_their_time('touchpoints'),
    'messages': loads_waiting_for_their_time('messages'),
} %}
{%- set buyers = {
    'orders': (
        'ordered_at', buyer_record_type('orders'), 'coalesce(orders.customer_key, orders.order_id)'
    ),
    'order_lines': (
        'ordered_at', buyer_record_type('order_lines'), 'coalesce(order_lines.customer_key, order_lines.order_id)'
    ),
    'refunds': (
        'refunded_at', buyer_record_type('refunds', has_names=false), refund_record_id('refunds')
    ),
} %}

-- A version that breaks a rule still says what its record carried, as long as its key and its time are known. What a
-- touch or message from the future says is known once its time has come; reading its load once more adds nothing else.
with contacts as (
    {%- for source_system, record_type, base, key in records %}
    {%- for contact_type in ['phone', 'email'] %}
    select
        '{{ source_system }}' as source_system,
        '{{ record_type }}' as record_type,
        {{ key }} as source_record_id,
        '{{ contact_type }}' as contact_type,
        {{ contact_type }} as contact_value,
        updated_at as stated_at,
        _load_id,
        _loaded_at
    from {{ ref(base) }}
    where
        {{ key }} is not null
        and {{ contact_type }} is not null
        and updated_at is not null
        and {{ in_pending_loads() }}
    union all
    {%- endfor %}
    {%- endfor %}
    select
        customers.system as source_system,
        customers.record_type,
        customers.source_record_id,
        identifiers.contact_type,
        identifiers.contact_value,
        -- An export of customers may tell no time at all.
        coalesce(customers.updated_at, customers.created_at) as stated_at,
        customers._load_id,
        customers._loaded_at
    from {{ ref('base_exports__customers') }} as customers,
        {{ identifiers_of_row('customers', 'customers.source_record_id') }} as identifiers
    where
        customers._row_key is not null
        and identifiers.contact_value is not null
        and (customers._broken_rule is null or identifiers.contact_type <> 'record')
        and {{ in_pending_loads('customers._load_id') }}
    {%- for entity, time in exports.items() %}
    union all
    select
        {{ entity }}.system as source_system,
        {{ entity }}.record_type,
        {{ entity }}.source_record_id,
        identifiers.contact_type,
        identifiers.contact_value,
        {{ entity }}.{{ time }} as stated_at,
        {{ entity }}._load_id,
        {{ entity }}._loaded_at
    from {{ ref('base_exports__' ~ entity) }} as {{ entity }},
        {{ identifiers_of_row(entity, entity ~ '.source_record_id', anonymous=(entity == 'touchpoints')) }}
            as identifiers
    where
        {{ entity }}._broken_rule is null
        and {{ entity }}.record_type is not null
        and identifiers.contact_value is not null
        {%- if entity in waiting %}
        and not ({{ is_in_the_future(entity ~ '.occurred_at') }})
        and ({{ in_pending_loads(entity ~ '._load_id') }} or {{ in_load_ids(entity ~ '._load_id', waiting[entity]) }})
        {%- else %}
        and {{ in_pending_loads(entity ~ '._load_id') }}
        {%- endif %}
    {%- endfor %}
    -- Who bought is known when an order's header and lines are seen together; here is what each of them says.
    {%- for entity, (time, record_type, record_id) in buyers.items() %}
    union all
    select
        {{ entity }}.system as source_system,
        {{ record_type }} as record_type,
        {{ record_id }} as source_record_id,
        identifiers.contact_type,
        identifiers.contact_value,
        {{ entity }}.{{ time }} as stated_at,
        {{ entity }}._load_id,
        {{ entity }}._loaded_at
    from {{ ref('base_exports__' ~ entity) }} as {{ entity }},
        {{ identifiers_of_row(entity, record_id, named_as='buyer') }} as identifiers
    where
        {{ entity }}._row_key is not null
        and {{ entity }}.{{ time }} is not null
        and {{ record_type }} is not null
        and identifiers.contact_value is not null
        and {{ in_pending_loads(entity ~ '._load_id') }}
    {%- endfor %}
    -- A device is a record of its own beside whoever the row names.
    {%- for contact_type, value in [('record', 'device_id'), ('device', device_value('system', 'device_id'))] %}
    union all
    select
        system as source_system,
        'device' as record_type,
        device_id as source_record_id,
        '{{ contact_type }}' as contact_type,
        {{ value }} as contact_value,
        occurred_at as stated_at,
        _load_id,
        _loaded_at
    from {{ ref('base_exports__touchpoints') }}
    where
        _broken_rule is null
        and device_id is not null
        and record_type <> 'device'
        and not ({{ is_in_the_future('occurred_at') }})
        and ({{ in_pending_loads() }} or {{ in_load_ids('_load_id', waiting['touchpoints']) }})
    {%- endfor %}
),

known as (
    select
        source_system,
        record_type,
        source_record_id,
        contact_type,
        contact_value,
        stated_at as first_at,
        stated_at as last_at,
        stated_at as first_delivered_at,
        _load_id as first_load_id,
        _load_id as last_load_id,
        _loaded_at
    from contacts
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
        earlier.first_delivered_at,
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
        arg_min(first_delivered_at, (first_load_id, first_delivered_at)) as first_delivered_at,
        max(last_load_id) as _staged_load_id,
        min(first_load_id) as _load_id,
        min(_loaded_at) as _loaded_at
    from known
    group by source_system, record_type, source_record_id, contact_type, contact_value
)

select * from final
