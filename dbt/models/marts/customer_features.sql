-- Grain: one row per known person.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_customers__feature_people'), 'customer_id', windows_moved()) }}",
    post_hook="{{ build_other_slices() }}"
) }}
{%- set number_of_slices = slices(ref('int_customers__feature_people'), 500000) %}

with missing_people as (

    {{ missing_keys(ref('int_customers__feature_people'), 'customer_id') }}

),

people as (

    select * from missing_people
    where {{ in_slice('customer_id', number_of_slices) }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

orders as (

    select
        orders.*,
        run_parameters.as_of_date
    from {{ ref('orders') }} as orders
    inner join people on orders.customer_id = people.customer_id
    cross join run_parameters

),

order_lines as (

    select * from {{ ref('order_lines') }}

),

refunds as (

    select * from {{ ref('refunds') }}

),

customers as (

    select * from {{ ref('customers') }}

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

bought as (

    select
        customer_id,
        count(*) filter (where is_valid and {{ in_window(30) }}) as orders_30d,
        count(*) filter (where is_valid and {{ in_window(90) }}) as orders_90d,
        count(*) filter (where is_valid and {{ in_window(365) }}) as orders_365d,
        sum(net_amount_reporting) filter (where is_valid and {{ in_window(30) }}) as net_30d,
        sum(net_amount_reporting) filter (where is_valid and {{ in_window(90) }}) as net_90d,
        sum(net_amount_reporting) filter (where is_valid and {{ in_window(365) }}) as net_365d,
        count(*) filter (where is_valid) as valid_orders,
        count(*) filter (where not is_valid and cancelled_at is not null) as cancelled_orders_count,
        count(*) filter (where is_valid and refund_amount > 0) as refunded_orders_count,
        count(*) filter (where is_valid and discount_amount > 0) as discounted_orders,
        count(*) filter (where is_valid and isodow(reporting_date) > 5) as weekend_orders,
        count(*) filter (where is_valid and net_amount_reporting > 0) as paid_orders,
        sum(net_amount_reporting) filter (where is_valid) as net_amount,
        sum(gross_amount_reporting) filter (where is_valid) as gross_amount,
        sum(discount_amount_reporting) filter (where is_valid) as discount_amount,
        sum(due_amount_reporting) filter (where is_valid) as due_amount,
        sum(refund_amount_reporting) filter (where is_valid) as refund_amount,
        max(net_amount_reporting) filter (where is_valid) as largest_order_value,
        max_by(net_amount_reporting, (ordered_at, order_id)) filter (where is_valid) as last_order_value,
        -- A window changes the day an order enters it, and the day it leaves.
        max({{ last_window_change() }}) filter (where is_valid) as stands_from,
        min({{ next_window_change() }}) filter (where is_valid) as stands_until
    from orders
    group by customer_id

),

-- Told apart first: a set of its own for each person takes far more memory.
channels as (

    select distinct
        customer_id,
        channel
    from orders
    where is_valid

),

bought_channels as (

    select
        customer_id,
        list_sort(list(channel)) as channels_bought
    from channels
    group by customer_id

),

bounds as (

    {{ window_bounds() }}

),

touches as (

    select recent_touches.*
    from ({{ recent_touches('bounds') }}) as recent_touches
    inner join people on recent_touches.customer_id = people.customer_id

),

tickets as (

    select
        tickets.*,
        coalesce(
            tickets.csat_score = 0 or regexp_matches(lower(tickets.category), 'complain|beschwerde|投诉|投訴'), false
        ) as is_complaint
    from ({{ tickets_by_the_as_of('bounds') }}) as tickets
    inner join people on tickets.customer_id = people.customer_id

),

behaviour as (

    select
        customer_id,
        count(*) filter (where is_session_start or touchpoint_type = 'store_visit') as visits_30d,
        count(*) filter (where touchpoint_type = 'product_view') as product_views_30d,
        max(occurred_at) filter (where touchpoint_type not like 'message_%') as last_visit_at,
        max(occurred_at) filter (where touchpoint_type = 'product_view') as last_product_view_at,
        max(occurred_at) filter (
            where touchpoint_type in ('add_to_cart', 'checkout_started', 'checkout_abandoned')
        ) as last_cart_at,
        count(*) filter (where touchpoint_type = 'message_sent') as messages_received_30d,
        count(*) filter (where touchpoint_type = 'message_opened') as messages_opened_30d,
        count(*) filter (where touchpoint_type = 'message_clicked') as messages_clicked_30d
    from touches
    group by customer_id

),

service as (

    select
        customer_id,
        count(*) as tickets_count,
        count(*) filter (where is_in_30d) as tickets_30d,
        count(*) filter (where is_in_365d) as tickets_365d,
        count(*) filter (where is_open) as open_tickets,
        count(*) filter (where is_complaint and is_in_90d) as complaints_90d,
        max(same_question_count) filter (where is_in_30d) as same_question_30d,
        max(created_at) as last_ticket_at,
        max_by(category, (created_at, ticket_id)) as last_ticket_category,
        max(created_at) filter (where is_complaint) as last_complaint_at,
        max_by(csat_score, (created_at, ticket_id)) filter (where csat_score is not null) as last_csat_score
    from tickets
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

order_gaps as (

    select
        customer_id,
        epoch(ordered_at) - epoch(lag(ordered_at) over (partition by customer_id order by ordered_at)) as gap_seconds
    from orders
    where is_valid and {{ is_purchase('due_amount', 'net_amount') }}

),

cycles as (

    select
        customer_id,
        median(gap_seconds) as median_seconds
    from order_gaps
    where gap_seconds is not null
    group by customer_id

),

bought_categories as (

    select
        orders.customer_id,
        order_lines.category,
        sum(order_lines.net_amount_reporting) as net_amount,
        max(orders.reporting_date) as last_date
    from orders
    inner join order_lines on orders.order_id = order_lines.order_id
    where orders.is_valid and order_lines.category is not null and not order_lines.is_gift_card
    group by orders.customer_id, order_lines.category

),

categories as (

    select
        customer_id,
        max({ 'net_amount': net_amount, 'category': category }) as favourite,
        sum(net_amount) filter (where net_amount > 0) as all_amount,
        -- Sorted once: ordered aggregates sort each person's rows twice over.
        list_sort(list({ 'category': category, 'last_date': last_date })) as dated_categories
    from bought_categories
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
        customers.orders_count,
        cast(coalesce(bought.orders_30d, 0) as integer) as orders_30d,
        cast(coalesce(bought.orders_90d, 0) as integer) as orders_90d,
        cast(coalesce(bought.orders_365d, 0) as integer) as orders_365d,
        customers.net_revenue,
        {{ money('coalesce(bought.net_30d, 0)') }} as net_30d,
        {{ money('coalesce(bought.net_90d, 0)') }} as net_90d,
        {{ money('coalesce(bought.net_365d, 0)') }} as net_365d,
        {{ money('round(bought.net_amount / nullif(bought.paid_orders, 0), 2)') }} as average_order_value,
        {{ money('bought.largest_order_value') }} as largest_order_value,
        {{ money('bought.last_order_value') }} as last_order_value,
        {{ reporting_date('customers.first_order_at') }} as first_order_date,
        {{ reporting_date('customers.last_order_at') }} as last_order_date,
        cast(round(cycles.median_seconds / 86400, 2) as decimal(9, 2)) as purchase_cycle_days,
        {{ share_of('bought.weekend_orders', 'bought.valid_orders') }} as weekend_share,
        {{ share_of('bought.discounted_orders', 'bought.valid_orders') }} as discounted_orders_share,
        {{ share_of('bought.discount_amount', 'bought.gross_amount') }} as discount_share,
        bought_channels.channels_bought,
        cast(coalesce(len(bought_channels.channels_bought), 0) as integer) as channels_count,
        categories.favourite.category as favourite_category,
        {{ share_of('categories.favourite.net_amount', 'categories.all_amount') }} as favourite_category_share,
        map_keys(map_from_entries(categories.dated_categories)) as categories_bought,
        map_values(map_from_entries(categories.dated_categories)) as category_dates,
        cast(coalesce(behaviour.visits_30d, 0) as integer) as visits_30d,
        {{ reporting_date('behaviour.last_visit_at') }} as last_visit_date,
        cast(coalesce(behaviour.product_views_30d, 0) as integer) as product_views_30d,
        {{ reporting_date('behaviour.last_product_view_at') }} as last_product_view_date,
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
        {{ reporting_date('service.last_ticket_at') }} as last_ticket_date,
        service.last_ticket_category,
        {{ reporting_date('service.last_complaint_at') }} as last_complaint_date,
        service.last_csat_score,
        customers.lifecycle_stage,
        {{ reporting_date('customer_lifecycle.entered_at') }} as stage_since_date,
        {{ reporting_date('customer_lifecycle.next_stage_at') }} as next_stage_date,
        customers.rfm_segment,
        customer_rfm.r_score,
        customer_rfm.f_score,
        customer_rfm.m_score,
        customer_value.historic_margin,
        customer_value.alive_probability,
        customer_value.predicted_purchases_12m,
        customer_value.predicted_value_12m,
        {{ share_of('bought.refund_amount', 'bought.due_amount') }} as refund_share,
        cast(coalesce(bought.refunded_orders_count, 0) as integer) as refunded_orders_count,
        cast(coalesce(bought.cancelled_orders_count, 0) as integer) as cancelled_orders_count,
        cast(coalesce(chargebacks.chargebacks_count, 0) as integer) as chargebacks_count,
        bought.stands_from as _stands_from,
        bought.stands_until as _stands_until,
        people._fingerprint,
        current_timestamp as _loaded_at
    from people
    inner join customers on people.customer_id = customers.customer_id
    left join customer_lifecycle on people.customer_id = customer_lifecycle.customer_id
    left join customer_rfm on people.customer_id = customer_rfm.customer_id
    left join customer_value on people.customer_id = customer_value.customer_id
    left join behaviour on people.customer_id = behaviour.customer_id
    left join service on people.customer_id = service.customer_id
    left join chargebacks on people.customer_id = chargebacks.customer_id
    left join bought on people.customer_id = bought.customer_id
    left join bought_channels on people.customer_id = bought_channels.customer_id
    left join cycles on people.customer_id = cycles.customer_id
    left join categories on people.customer_id = categories.customer_id

)

select * from final
