-- Every staged order, receipt, ticket, call and event is in its mart exactly once.
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
    where not is_call
    union all
    select
        'call' as kind,
        source_record_id
    from {{ ref('touchpoints') }}
    where touchpoint_type in ('call_in', 'call_out')
    union all
    select
        'event' as kind,
        source_record_id
    from {{ ref('touchpoints') }}
    where source_system = 'events'
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
