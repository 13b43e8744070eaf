-- Grain: one row per record, identifier type and value the record ever carried.
{{ config(materialized='table') }}

with records as (

    select * from {{ ref('int_identity__records') }}

),

contacts as (

    select * from {{ ref('stg_identity_contacts') }}

),

zendesk_users as (

    select * from {{ ref('stg_zendesk__users') }}

),

events as (

    select * from {{ ref('stg_events__events') }}

),

mapped_buyers as (

    select * from {{ ref('int_exports__buyers') }}

),

-- What versions of a record say, and what an order says as a whole, its header and its lines together.
held as (

    select
        source_system || '/' || record_type || '/' || source_record_id as record_key,
        contact_type as type,
        contact_value as value,
        version_at as first_at,
        last_version_at as last_at
    from contacts
    union all
    select
        buyers.record_key,
        identifiers.contact_type as type,
        identifiers.contact_value as value,
        buyers.ordered_at as first_at,
        buyers.ordered_at as last_at
    from (
        select
            *,
            source_system as system
        from mapped_buyers
    ) as buyers,
        {{ identifiers_of_row('buyers', 'buyers.source_record_id', named_as='buyer') }} as identifiers
    where identifiers.contact_value is not null

),

identifiers as (

    select
        record_key,
        type,
        value,
        min(first_at) as first_at,
        max(last_at) as last_at
    from held
    group by record_key, type, value

),

-- Contacts with a history of versions, and those of records that are seen once.
stated as (

    select * from identifiers
    where type in ('phone', 'email')
    union all
    select
        record_key,
        'email' as type,
        email,
        created_at,
        created_at as last_at
    from records
    where source_system = 'shopify' and record_type = 'guest_order' and email is not null
    union all
    select
        record_key,
        'phone' as type,
        phone,
        created_at,
        created_at as last_at
    from records
    where source_system in ('shopify', 'pos') and record_type in ('guest_order', 'name_only') and phone is not null
    union all
    select
        'events/user/' || user_id as record_key,
        'email' as type,
        email,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from events
    where user_id is not null and email is not null
    group by user_id, email
    union all
    select
        'events/user/' || user_id as record_key,
        'phone' as type,
        phone,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from events
    where user_id is not null and phone is not null
    group by user_id, phone

),

followed as (

    select
        *,
        lead(first_at) over (partition by record_key, type order by first_at, last_at, value) as next_first_at,
        max(last_at) over (partition by record_key, type) as newest_at
    from stated

),

-- A value that its record replaced within 72 hours was a correction: it never was the person's.
kept as (

    select
        followed.record_key,
        followed.type,
        followed.value,
        coalesce(followed.first_at, records.created_at) as first_at,
        case
            when followed.last_at is null then records.created_at
            when followed.last_at = followed.newest_at then greatest(followed.last_at, records.last_seen_at)
            else followed.last_at
        end as last_at
    from followed
    inner join records on followed.record_key = records.record_key
    where
        followed.next_first_at is null
        or followed.last_at >= followed.next_first_at
        or epoch(followed.next_first_at) - epoch(followed.first_at) > 72 * 3600

),

-- An alias says that what was known by another id so far is this user, or the device of this event.
aliases as (

    select
        case
            when user_id is not null then 'events/user/' || user_id
            else 'events/device/' || device_id
        end as record_key,
        previous_id,
        user_id is not null as is_user,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from events
    where event_type = 'alias' and previous_id is not null
    group by record_key, previous_id, is_user

),

listed_clicks as (

    select distinct contact_value as click_id
    from contacts
    where contact_type = 'click_id'

),

issued as (

    select
        record_key,
        'login' as type,
        source_record_id as value,
        first_seen_at as first_at,
        last_seen_at as last_at
    from records
    where
        (source_system = 'shopify' and record_type = 'customer')
        or (source_system = 'events' and record_type = 'user')
    union all
    select
        records.record_key,
        'login' as type,
        users.external_id,
        records.first_seen_at,
        records.last_seen_at
    from records
    inner join zendesk_users as users on records.source_system = 'zendesk' and records.source_record_id = users.user_id
    where users.external_id is not null
    union all
    select
        record_key,
        'member_no' as type,
        source_record_id,
        first_seen_at,
        last_seen_at
    from records
    where source_system = 'pos' and record_type = 'member'
    union all
    select
        record_key,
        'device' as type,
        source_record_id,
        first_seen_at,
        last_seen_at
    from records
    where source_system = 'events' and record_type = 'device'
    union all
    select
        'events/user/' || user_id as record_key,
        'device' as type,
        device_id,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from events
    where user_id is not null and device_id is not null
    group by user_id, device_id
    union all
    select
        record_key,
        'device' as type,
        previous_id,
        first_at,
        last_at
    from aliases
    union all
    -- The other id may have been a user's, as at a system that numbers its guests before they sign up.
    select
        aliases.record_key,
        'login' as type,
        aliases.previous_id,
        aliases.first_at,
        aliases.last_at
    from aliases
    inner join records on records.record_key = 'events/user/' || aliases.previous_id
    where aliases.is_user
    union all
    -- Clicks on advertisements that another system lists too join its rows to the device that arrived with them.
    select
        'events/device/' || device_id as record_key,
        'click_id' as type,
        click_id,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from events
    where device_id is not null and click_id in (select listed_clicks.click_id from listed_clicks)
    group by device_id, click_id
    union all
    select
        identifiers.record_key,
        identifiers.type,
        identifiers.value,
        coalesce(identifiers.first_at, records.created_at) as first_at,
        coalesce(identifiers.last_at, records.created_at) as last_at
    from identifiers
    inner join records on identifiers.record_key = records.record_key
    where identifiers.type in ('member_no', 'union_id', 'openid', 'device', 'click_id')

),

final as (

    select * from kept
    union all
    select * from issued

)

select * from final
