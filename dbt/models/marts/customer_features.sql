-- Grain: one row per known person.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_customers__feature_states'), 'customer_id', windows_moved()) }}"
) }}

with people as (

    {{ missing_keys(ref('int_customers__feature_states'), 'customer_id') }}

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
        list_sort(list(distinct channel) filter (where is_valid)) as channels_bought,
        -- A window changes the day an order enters it, and the day it leaves.
        max({{ last_window_change() }}) filter (where is_valid) as stands_from,
        min({{ next_window_change() }}) filter (where is_valid) as stands_until
    from orders
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
        max_by(category, (net_amount, category)) as favourite_category,
        max(net_amount) as favourite_amount,
        sum(net_amount) filter (where net_amount > 0) as all_amount,
        list(category order by category) as categories_bought,
        list(last_date order by category) as category_dates
    from bought_categories
    group by customer_id

),

final as (

    select
        people.customer_id,
        people.country,
        people.city,
        people.gender,
        people.age_band,
        people.member_level,
        people.first_channel,
        people.preferred_channel,
        people.sources_count,
        people.is_reachable,
        people.first_seen_date,
        people.last_seen_date,
        people.orders_count,
        cast(coalesce(bought.orders_30d, 0) as integer) as orders_30d,
        cast(coalesce(bought.orders_90d, 0) as integer) as orders_90d,
        cast(coalesce(bought.orders_365d, 0) as integer) as orders_365d,
        people.net_revenue,
        {{ money('coalesce(bought.net_30d, 0)') }} as net_30d,
        {{ money('coalesce(bought.net_90d, 0)') }} as net_90d,
        {{ money('coalesce(bought.net_365d, 0)') }} as net_365d,
        {{ money('round(bought.net_amount / nullif(bought.paid_orders, 0), 2)') }} as average_order_value,
        {{ money('bought.largest_order_value') }} as largest_order_value,
        {{ money('bought.last_order_value') }} as last_order_value,
        people.first_order_date,
        people.last_order_date,
        cast(round(cycles.median_seconds / 86400, 2) as decimal(9, 2)) as purchase_cycle_days,
        {{ share_of('bought.weekend_orders', 'bought.valid_orders') }} as weekend_share,
        {{ share_of('bought.discounted_orders', 'bought.valid_orders') }} as discounted_orders_share,
        {{ share_of('bought.discount_amount', 'bought.gross_amount') }} as discount_share,
        bought.channels_bought,
        cast(coalesce(len(bought.channels_bought), 0) as integer) as channels_count,
        categories.favourite_category,
        {{ share_of('categories.favourite_amount', 'categories.all_amount') }} as favourite_category_share,
        categories.categories_bought,
        categories.category_dates,
        people.visits_30d,
        people.last_visit_date,
        people.product_views_30d,
        people.last_product_view_date,
        people.open_cart_date,
        people.messages_received_30d,
        people.messages_opened_30d,
        people.messages_clicked_30d,
        people.tickets_count,
        people.tickets_30d,
        people.tickets_365d,
        people.open_tickets,
        people.complaints_90d,
        people.same_question_30d,
        people.last_ticket_date,
        people.last_ticket_category,
        people.last_complaint_date,
        people.last_csat_score,
        people.lifecycle_stage,
        people.stage_since_date,
        people.next_stage_date,
        people.rfm_segment,
        people.r_score,
        people.f_score,
        people.m_score,
        people.historic_margin,
        people.alive_probability,
        people.predicted_purchases_12m,
        people.predicted_value_12m,
        {{ share_of('bought.refund_amount', 'bought.due_amount') }} as refund_share,
        cast(coalesce(bought.refunded_orders_count, 0) as integer) as refunded_orders_count,
        cast(coalesce(bought.cancelled_orders_count, 0) as integer) as cancelled_orders_count,
        people.chargebacks_count,
        bought.stands_from as _stands_from,
        bought.stands_until as _stands_until,
        people._fingerprint,
        current_timestamp as _loaded_at
    from people
    left join bought on people.customer_id = bought.customer_id
    left join cycles on people.customer_id = cycles.customer_id
    left join categories on people.customer_id = categories.customer_id

)

select * from final
