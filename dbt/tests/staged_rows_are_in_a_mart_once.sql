-- Every staged order, receipt, ticket, call, event, message event and mapped touchpoint is in its mart exactly once.
with staged as (
    select
        'shopify order' as kind,
        order_id as id
    from {{ ref('stg_shopify__orders') }}
    union all
    select
        'shopify refund' as kind,
        refund_id
    from {{ ref('stg_shopify__refunds') }}
    union all
    select
        'receipt' as kind,
        receipt_id
    from {{ ref('stg_pos__receipts') }}
    union all
    select
        'ticket' as kind,
        ticket_id
    from {{ ref('stg_zendesk__tickets') }}
    union all
    select
        'call' as kind,
        call_id
    from {{ ref('stg_zendesk__calls') }}
    union all
    select
        'event' as kind,
        event_id
    from {{ ref('stg_events__events') }}
    union all
    select
        'mapped touchpoint' as kind,
        'touchpoints/' || system || '/' || touchpoint_id as id
    from {{ ref('stg_exports__touchpoints') }}
    union all
    select
        'mapped ticket' as kind,
        'tickets/' || system || '/' || ticket_id as id
    from {{ ref('stg_exports__tickets') }}
    union all
    select
        'message event' as kind,
        'messages/' || system || '/' || message_id || '/' || event || '/' || epoch_us(occurred_at) as id
    from {{ ref('stg_exports__messages') }}
    union all
    select
        'message touchpoint' as kind,
        'messages/' || system || '/' || message_id || '/' || event || '/' || epoch_us(occurred_at) as id
    from {{ ref('stg_exports__messages') }}
),

published_ids as (
    select * from {{ ref('int_identity__published_ids') }}
),

in_marts as (
    select
        case source_system when 'pos' then 'receipt' else source_system || ' order' end as kind,
        source_order_id as id
    from {{ ref('orders') }}
    union all
    select
        case source_system when 'pos' then 'receipt' else source_system || ' refund' end as kind,
        source_refund_id
    from {{ ref('refunds') }}
    where kind <> 'void'
    union all
    select
        'ticket' as kind,
        ticket_id
    from {{ ref('service_tickets') }}
    where source_system = 'zendesk' and not is_call
    union all
    select
        'call' as kind,
        source_record_id
    from {{ ref('touchpoints') }}
    where touchpoint_id like 'call-%'
    union all
    select
        'event' as kind,
        source_record_id
    from {{ ref('touchpoints') }}
    where source_system = 'events'
    union all
    select
        'mapped touchpoint' as kind,
        coalesce(
            published_ids.id, 'touchpoints/' || touchpoints.source_system || '/' || touchpoints.source_record_id
        ) as id
    from {{ ref('touchpoints') }} as touchpoints
    left join published_ids on touchpoints.source_record_id = published_ids.published_id
    where touchpoints.touchpoint_id like 'touch-%'
    union all
    select
        'mapped ticket' as kind,
        coalesce(published_ids.id, 'tickets/' || tickets.source_system || '/' || tickets.source_ticket_id) as id
    from {{ ref('service_tickets') }} as tickets
    left join published_ids on tickets.source_ticket_id = published_ids.published_id
    where tickets.source_system <> 'zendesk'
    union all
    select
        'message event' as kind,
        coalesce(published_ids.id, 'messages/' || messages.source_system || '/' || messages.message_id)
        || '/' || messages.event || '/' || epoch_us(messages.occurred_at) as id
    from {{ ref('messages') }} as messages
    left join published_ids on messages.message_id = published_ids.published_id
    union all
    select
        'message touchpoint' as kind,
        coalesce(published_ids.id, 'messages/' || touchpoints.source_system || '/' || touchpoints.source_record_id)
        || '/' || replace(touchpoints.touchpoint_type, 'message_', '') || '/' || epoch_us(touchpoints.occurred_at) as id
    from {{ ref('touchpoints') }} as touchpoints
    left join published_ids on touchpoints.source_record_id = published_ids.published_id
    where touchpoints.touchpoint_id like 'message-%'
),

counted as (
    select
        kind,
        id,
        1 as staged,
        0 as published
    from staged
    union all
    select
        kind,
        id,
        0 as staged,
        1 as published
    from in_marts
)

select
    kind,
    id,
    sum(staged) as staged,
    sum(published) as published
from counted
group by kind, id
having sum(staged) <> 1 or sum(published) <> 1
