-- Every staged order, receipt, ticket, call, event, message and mapped touchpoint is in its mart exactly once; of a
-- mapped order, its lines too.
with invoices as (
    select * from {{ ref('int_exports__invoices') }}
),

mapped_returns as (
    select * from {{ ref('int_exports__returns') }}
),

held as (
    select * from {{ ref('quarantine__exports__held_orders') }}
),

orders as (
    select * from {{ ref('orders') }}
),

refunds as (
    select * from {{ ref('refunds') }}
    where kind <> 'void' and refund_id <> coalesce(order_id, '') || '-refunded'
),

staged_invoices as (
    select
        system,
        order_id
    from {{ ref('stg_exports__orders') }}
    union
    select
        system,
        order_id
    from {{ ref('stg_exports__order_lines') }}
),

staged_lines as (
    select
        lines.system || '-' || lines.order_id as order_id,
        count(*) as number_of_lines
    from {{ ref('stg_exports__order_lines') }} as lines
    left join held on held.kind = 'order' and {{ row_key(['system', 'order_id'], 'lines') }} = held.key
    where lines.quantity >= 0 and held.key is null
    group by lines.system, lines.order_id
),

published_lines as (
    select
        lines.order_id,
        count(*) as number_of_lines
    from {{ ref('order_lines') }} as lines
    inner join invoices on lines.order_id = invoices.order_id
    group by lines.order_id
),

-- One number may be a sale and a return, and is one row of neither when its money cannot be told.
published_invoices as (
    select {{ row_key(['system', 'source_order_id'], 'invoices') }} as key
    from orders
    inner join invoices on orders.order_id = invoices.order_id
    union
    select {{ row_key(['system', 'source_order_id'], 'invoices') }} as key
    from refunds
    inner join mapped_returns on refunds.refund_id = mapped_returns.refund_id
    inner join invoices on mapped_returns.invoice_id = invoices.order_id
    union
    select held.key
    from held
    where held.kind = 'order'
),

staged as (
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
        'mapped order' as kind,
        {{ row_key(['system', 'order_id']) }} as id
    from staged_invoices
    union all
    select
        'mapped order of so many lines' as kind,
        order_id || ': ' || number_of_lines as id
    from staged_lines
    union all
    select distinct
        'mapped refund' as kind,
        {{ row_key(['system', 'source_refund_id']) }}
    from {{ ref('stg_exports__refunds') }}
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
    from orders
    where source_system in ('pos', 'shopify')
    union all
    select
        case source_system when 'pos' then 'receipt' else source_system || ' refund' end as kind,
        source_refund_id
    from refunds
    where source_system in ('pos', 'shopify')
    union all
    select
        'mapped order' as kind,
        key
    from published_invoices
    union all
    select
        'mapped order of so many lines' as kind,
        order_id || ': ' || number_of_lines as id
    from published_lines
    union all
    select
        'mapped refund' as kind,
        {{ row_key(['system', 'source_refund_id'], 'mapped_returns') }} as id
    from refunds
    inner join mapped_returns on refunds.refund_id = mapped_returns.refund_id
    where mapped_returns.is_told_as_refund
    union all
    select
        'mapped refund' as kind,
        key
    from held
    where kind = 'refund'
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
