-- Grain: one row per known person: what each night looks at anew for the customer features, and a fingerprint of it all.
{{ config(materialized='table') }}
{%- set kept = [
    'country', 'city', 'gender', 'age_band', 'member_level', 'first_channel', 'preferred_channel', 'sources_count',
    'is_reachable', 'first_seen_date', 'last_seen_date', 'lifecycle_stage', 'stage_since_date', 'next_stage_date',
    'rfm_segment', 'r_score', 'f_score', 'm_score', 'orders_count', 'net_revenue', 'first_order_date',
    'last_order_date', 'historic_margin', 'alive_probability', 'predicted_purchases_12m', 'predicted_value_12m',
    'visits_30d', 'product_views_30d', 'last_visit_date', 'last_product_view_date', 'open_cart_date',
    'messages_received_30d', 'messages_opened_30d', 'messages_clicked_30d', 'tickets_count', 'tickets_30d',
    'tickets_365d', 'open_tickets', 'complaints_90d', 'same_question_30d', 'last_ticket_date',
    'last_ticket_category', 'last_complaint_date', 'last_csat_score', 'chargebacks_count'
] %}

with customers as (

    select * from {{ ref('customers') }}
    where not is_anonymous

),

orders as (

    select * from {{ ref('orders') }}

),

refunds as (

    select * from {{ ref('refunds') }}

),

touchpoints as (

    select * from {{ ref('touchpoints') }}

),

service_tickets as (

    select * from {{ ref('service_tickets') }}

),

customer_rfm as (

    select * from {{ ref('customer_rfm') }}
    where is_tonight

),

customer_lifecycle as (

    select * from {{ ref('customer_lifecycle') }}
    where left_at is null

),

customer_value as (

    select * from {{ ref('customer_value') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

-- The fingerprint of an order covers its lines, its refunds and whose it is.
order_states as (

    select
        customer_id,
        {{ group_fingerprint(['_fingerprint']) }} as orders_fingerprint
    from orders
    where customer_id is not null
    group by customer_id

),

recent_touches as (

    select
        touchpoints.customer_id,
        touchpoints.touchpoint_type,
        touchpoints.is_session_start,
        touchpoints.occurred_at,
        {{ reporting_date('touchpoints.occurred_at') }} as reporting_date,
        run_parameters.as_of_date
    from touchpoints
    cross join run_parameters
    where
        touchpoints.customer_id is not null
        -- Two days more than are counted, whatever the reporting zone.
        and touchpoints.occurred_at > run_parameters.as_of_date - 32
        and touchpoints.touchpoint_type in (
            'page_view', 'product_view', 'add_to_cart', 'checkout_started', 'checkout_abandoned', 'ad_click',
            'store_visit', 'call_in', 'sign_up', 'message_sent', 'message_opened', 'message_clicked'
        )

),

behaviour as (

    select
        customer_id,
        count(*) filter (where is_session_start or touchpoint_type = 'store_visit') as visits_30d,
        count(*) filter (where touchpoint_type = 'product_view') as product_views_30d,
        max(reporting_date) filter (where touchpoint_type not like 'message_%') as last_visit_date,
        max(reporting_date) filter (where touchpoint_type = 'product_view') as last_product_view_date,
        max(occurred_at) filter (
            where touchpoint_type in ('add_to_cart', 'checkout_started', 'checkout_abandoned')
        ) as last_cart_at,
        count(*) filter (where touchpoint_type = 'message_sent') as messages_received_30d,
        count(*) filter (where touchpoint_type = 'message_opened') as messages_opened_30d,
        count(*) filter (where touchpoint_type = 'message_clicked') as messages_clicked_30d
    from recent_touches
    where reporting_date > as_of_date - 30 and reporting_date <= as_of_date
    group by customer_id

),

tickets as (

    select
        service_tickets.*,
        {{ reporting_date('service_tickets.created_at') }} as reporting_date,
        service_tickets.status in ('new', 'open', 'pending', 'hold') as is_open,
        coalesce(
            service_tickets.csat_score = 0
            or regexp_matches(lower(service_tickets.category), 'complain|beschwerde|投诉|投訴'),
            false
        ) as is_complaint,
        run_parameters.as_of_date
    from service_tickets
    cross join run_parameters
    where service_tickets.customer_id is not null and service_tickets.status <> 'deleted'

),

service as (

    select
        customer_id,
        count(*) as tickets_count,
        count(*) filter (where reporting_date > as_of_date - 30) as tickets_30d,
        count(*) filter (where reporting_date > as_of_date - 365) as tickets_365d,
        count(*) filter (where is_open) as open_tickets,
        count(*) filter (where is_complaint and reporting_date > as_of_date - 90) as complaints_90d,
        max(same_question_count) filter (where reporting_date > as_of_date - 30) as same_question_30d,
        max(reporting_date) as last_ticket_date,
        max_by(category, (created_at, ticket_id)) as last_ticket_category,
        max(reporting_date) filter (where is_complaint) as last_complaint_date,
        max_by(csat_score, (created_at, ticket_id)) filter (where csat_score is not null) as last_csat_score
    from tickets
    where reporting_date <= as_of_date
    group by customer_id

),

chargebacks as (

    select
        customer_id,
        count(*) as chargebacks_count
    from refunds
    where kind = 'chargeback' and is_counted and customer_id is not null
    group by customer_id

),

final as (

    select
        customers.customer_id,
        customers.country,
        customers.city,
        customers.gender,
        customers.age_band,
        customers.member_level,
        customers.first_channel,
        customers.preferred_channel,
        cast(len(string_split(customers.source_systems, ', ')) as integer) as sources_count,
        coalesce(customers.marketing_consent, false) as is_reachable,
        {{ reporting_date('customers.first_seen_at') }} as first_seen_date,
        {{ reporting_date('customers.last_seen_at') }} as last_seen_date,
        customers.lifecycle_stage,
        {{ reporting_date('customer_lifecycle.entered_at') }} as stage_since_date,
        {{ reporting_date('customer_lifecycle.next_stage_at') }} as next_stage_date,
        customers.rfm_segment,
        customer_rfm.r_score,
        customer_rfm.f_score,
        customer_rfm.m_score,
        customers.orders_count,
        customers.net_revenue,
        {{ reporting_date('customers.first_order_at') }} as first_order_date,
        {{ reporting_date('customers.last_order_at') }} as last_order_date,
        customer_value.historic_margin,
        customer_value.alive_probability,
        customer_value.predicted_purchases_12m,
        customer_value.predicted_value_12m,
        cast(coalesce(behaviour.visits_30d, 0) as integer) as visits_30d,
        cast(coalesce(behaviour.product_views_30d, 0) as integer) as product_views_30d,
        behaviour.last_visit_date,
        behaviour.last_product_view_date,
        case
            when behaviour.last_cart_at > coalesce(customers.last_order_at, behaviour.last_cart_at - interval 1 second)
                then {{ reporting_date('behaviour.last_cart_at') }}
        end as open_cart_date,
        cast(coalesce(behaviour.messages_received_30d, 0) as integer) as messages_received_30d,
        cast(coalesce(behaviour.messages_opened_30d, 0) as integer) as messages_opened_30d,
        cast(coalesce(behaviour.messages_clicked_30d, 0) as integer) as messages_clicked_30d,
        cast(coalesce(service.tickets_count, 0) as integer) as tickets_count,
        cast(coalesce(service.tickets_30d, 0) as integer) as tickets_30d,
        cast(coalesce(service.tickets_365d, 0) as integer) as tickets_365d,
        cast(coalesce(service.open_tickets, 0) as integer) as open_tickets,
        cast(coalesce(service.complaints_90d, 0) as integer) as complaints_90d,
        cast(coalesce(service.same_question_30d, 0) as integer) as same_question_30d,
        service.last_ticket_date,
        service.last_ticket_category,
        service.last_complaint_date,
        service.last_csat_score,
        cast(coalesce(chargebacks.chargebacks_count, 0) as integer) as chargebacks_count,
        order_states.orders_fingerprint
    from customers
    left join customer_lifecycle on customers.customer_id = customer_lifecycle.customer_id
    left join customer_rfm on customers.customer_id = customer_rfm.customer_id
    left join customer_value on customers.customer_id = customer_value.customer_id
    left join order_states on customers.customer_id = order_states.customer_id
    left join behaviour on customers.customer_id = behaviour.customer_id
    left join service on customers.customer_id = service.customer_id
    left join chargebacks on customers.customer_id = chargebacks.customer_id

)

select
    * exclude (orders_fingerprint),
    {{ fingerprint(kept + ['orders_fingerprint', reporting_timezone()]) }} as _fingerprint
from final
