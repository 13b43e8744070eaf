-- What somebody would write who needs these tables of this company once: from the lake's Parquet to the same rows, without
-- history, quarantine, fingerprints, exchange rates or sources that the company lacks. Who is who is given (`members`), as
-- identity is measured apart. `$lake` is the lake, `$members` the file of members, `$as_of` the night's clock.
create macro lake_table(source, name) as table
select * from read_parquet('$lake/' || source || '/' || name || '/*.parquet', union_by_name = true);
create macro newest(key, load, line) as row_number() over (partition by key order by load desc, line desc) = 1;

create table members as from '$members';

create table shop_customers as
select
    'orders/customer/' || customer_key as record_key, given_name || ' ' || family_name as full_name, lower(email) as email,
    phone, city, country, null as gender, null::date as birth_date, null as member_level,
    consent_email::boolean as consent, created_at::timestamptz as created_at, updated_at::timestamptz as updated_at,
    customer_key as published_id, 'customers' as source_system
from lake_table('raw_exports', 'customers') qualify newest(customer_key, _dlt_load_id, _row_number);

create table till_members as
select
    'pos/member/' || member_no as record_key, full_name, lower(email) as email, phone, city, country, gender,
    birth_date::date as birth_date, member_level, consent_email::boolean as consent, joined_at::timestamptz as created_at,
    updated_at::timestamptz as updated_at, member_no as published_id, 'pos' as source_system
from lake_table('raw_pos', 'members') qualify newest(member_no, _dlt_load_id, _row_number);

create table order_lines as
with lines as (
    select
        'orders-' || order_id as order_id, 'orders' as source_system, line_number::integer as line_number, sku, product_name,
        category, quantity::decimal(18, 3) as quantity, unit_price::decimal(18, 3) as unit_price,
        net_amount::decimal(18, 3) as net_amount, 0::decimal(18, 3) as discount_amount
    from lake_table('raw_exports', 'order_lines') qualify newest((order_id, line_number), _dlt_load_id, _row_number)
    union all by name
    select
        'pos-' || receipt_id as order_id, 'pos' as source_system, line_no::integer as line_number, sku, product_name, category,
        quantity::decimal(18, 3) as quantity, unit_price::decimal(18, 3) as unit_price,
        (quantity::decimal(18, 3) * unit_price::decimal(18, 2))::decimal(18, 3) as net_amount,
        discount_amount::decimal(18, 3) as discount_amount
    from lake_table('raw_pos', 'receipt_lines') qualify newest((receipt_id, line_no), _dlt_load_id, _row_number)
)
select order_id || '-' || line_number as order_line_id, * from lines;

create table refunds as
select
    refund_id, 'orders-' || order_id as order_id, 'shop_refunds' as source_system, amount::decimal(18, 3) as amount,
    'EUR' as currency, refunded_at::timestamptz as refunded_at,
    (refunded_at::timestamptz at time zone 'Europe/Berlin')::date as refund_date
from lake_table('raw_exports', 'refunds') qualify newest(refund_id, _dlt_load_id, _row_number);

create table orders as
with web as (
    select
        'orders-' || order_id as order_id, 'orders' as source_system, order_id as source_order_id, null as store_id,
        'online_store' as channel, status, currency, gross_amount::decimal(18, 3) as gross_amount,
        coalesce(discount_amount::decimal(18, 3), 0) as discount_amount, net_amount::decimal(18, 3) as paid_amount,
        coalesce('orders/customer/' || customer_key, 'orders/guest_order/' || order_id) as record_key,
        ordered_at::timestamptz as ordered_at, paid_at::timestamptz as paid_at
    from lake_table('raw_exports', 'orders') qualify newest(order_id, _dlt_load_id, _row_number)
),
tills as (
    select
        'pos-' || receipt_id as order_id, 'pos' as source_system, receipt_id as source_order_id, store_id, 'store' as channel,
        status, currency, total_amount::decimal(18, 3) as gross_amount, discount_amount::decimal(18, 3) as discount_amount,
        total_amount::decimal(18, 3) as paid_amount,
        case when member_no is not null then 'pos/member/' || member_no
            when customer_name is not null then 'pos/name_only/' || receipt_id end as record_key,
        sold_at::timestamptz as ordered_at, sold_at::timestamptz as paid_at
    from lake_table('raw_pos', 'receipts') qualify newest(receipt_id, _dlt_load_id, _row_number)
),
refunded as (select order_id, sum(amount) as amount from refunds group by order_id)
select
    placed.* exclude (record_key, paid_amount), members.customer_id, coalesce(refunded.amount, 0) as refund_amount,
    paid_amount - coalesce(refunded.amount, 0) as net_amount,
    row_number() over (partition by coalesce(members.customer_id, placed.order_id) order by ordered_at, placed.order_id)
        as customer_order_number,
    customer_order_number = 1 as is_first_order, (ordered_at at time zone 'Europe/Berlin')::date as order_date
from (from web union all by name from tills) as placed
left join members using (record_key)
left join refunded on placed.order_id = refunded.order_id;

create table payments as
select 'payment-' || order_id as payment_id, order_id, source_system, currency, net_amount + refund_amount as amount, paid_at
from orders;

create table products as
select sku, arg_max(product_name, order_line_id) as product_name, arg_max(category, order_line_id) as category
from order_lines group by sku;

create table service_tickets as
select
    ticket_id, members.customer_id, channel, category, status, created_at::timestamptz as created_at,
    first_replied_at::timestamptz as first_replied_at, solved_at::timestamptz as solved_at, csat_score::decimal(9, 3) as score
from lake_table('raw_exports', 'tickets') as tickets
left join members on members.record_key = 'desk_tickets/requester/' || lower(tickets.email)
qualify newest(ticket_id, _dlt_load_id, _row_number);

create table messages as
select
    message_id, members.customer_id, channel, event, campaign, occurred_at::timestamptz as occurred_at
from lake_table('raw_exports', 'messages') as messages
left join members on members.record_key = 'messages/message_address/' || lower(messages.email)
qualify newest((message_id, event), _dlt_load_id, _row_number);

create table ad_performance as
select
    source_system as platform, account, campaign, date::date as date, currency, impressions::bigint as impressions,
    clicks::bigint as clicks, cost::decimal(18, 3) as cost
from lake_table('raw_exports', 'ad_performance')
qualify row_number() over (partition by source_system, account, campaign, date order by _dlt_load_id desc) = 1;

create table sessions as
with events as (
    select
        "messageId" as event_id, type, event, "anonymousId" as device_id, "userId" as user_id,
        "timestamp"::timestamptz as occurred_at, context ->> '$.page.url' as url, context ->> '$.page.path' as page_path,
        context ->> '$.page.referrer' as referrer, properties ->> '$.sku' as sku
    from lake_table('raw_events', 'events') qualify newest("messageId", _dlt_load_id, _row_number)
),
gaps as (
    select *, coalesce(occurred_at - lag(occurred_at) over device > interval 30 minute, true) as is_session_start
    from events window device as (partition by device_id order by occurred_at, event_id)
),
numbered as (
    select *, sum(is_session_start::integer) over (partition by device_id order by occurred_at, event_id) as number from gaps
)
select
    *, first_value(event_id) over session as session_id, first_value(url) over session as landing_url,
    first_value(referrer) over session as session_referrer, max(user_id) over whole as session_user
from numbered
window session as (partition by device_id, number order by occurred_at, event_id),
    whole as (partition by device_id, number);

create table touchpoints as
select
    'event-' || event_id as touchpoint_id, coalesce(users.customer_id, devices.customer_id) as customer_id,
    case when type = 'identify' then 'identified' when event = 'Product Viewed' then 'product_view'
        when is_session_start and contains(landing_url, 'gclid=') then 'ad_click' else 'page_view' end as touchpoint_type,
    case when contains(landing_url, 'gclid=') then 'paid_search' when contains(landing_url, 'utm_medium=email') then 'email'
        when session_referrer is not null then 'organic_search' else 'direct' end as channel,
    'events' as source_system, event_id as source_record_id, null as order_id, null as ticket_id, session_id, sku, page_path,
    is_session_start, occurred_at
from sessions
left join members as users on users.record_key = 'events/user/' || session_user
left join members as devices on devices.record_key = 'events/device/' || device_id
union all by name
select 'order-' || order_id as touchpoint_id, customer_id, 'order' as touchpoint_type, channel, source_system,
    source_order_id as source_record_id, order_id, ordered_at as occurred_at from orders
union all by name
select 'refund-' || refund_id as touchpoint_id, orders.customer_id, 'refund' as touchpoint_type, 'online_store' as channel,
    refunds.source_system, refund_id as source_record_id, order_id, refunded_at as occurred_at
from refunds left join orders using (order_id)
union all by name
select unnest(['ticket_opened-', 'ticket_solved-']) || ticket_id as touchpoint_id, customer_id,
    unnest(['ticket_opened', 'ticket_solved']) as touchpoint_type, channel, 'desk_tickets' as source_system, ticket_id,
    unnest([created_at, solved_at]) as occurred_at
from service_tickets
union all by name
select 'message-' || message_id as touchpoint_id, customer_id, 'message_' || event as touchpoint_type, channel,
    'messages' as source_system, message_id as source_record_id, occurred_at from messages
union all by name
select 'sign_up-' || told.source_system || '-' || published_id as touchpoint_id, members.customer_id,
    'sign_up' as touchpoint_type, 'store' as channel, told.source_system, published_id as source_record_id,
    created_at as occurred_at
from (from shop_customers union all by name from till_members) as told left join members using (record_key);

create table customer_rfm as
with days as (
    select date_trunc('month', ordered)::date - 1 as as_of_date
    from (select distinct date_trunc('month', order_date + interval 1 month) as ordered from orders)
    where as_of_date < '$as_of'::date
    union
    select '$as_of'::date - 1
),
valued as (
    select days.as_of_date, customer_id, days.as_of_date - max(order_date) as recency_days, count(*) as frequency,
        sum(net_amount) as monetary
    from days inner join orders on
        orders.order_date <= days.as_of_date and orders.order_date > days.as_of_date - 365 and customer_id is not null
    group by days.as_of_date, customer_id
)
select
    *, 6 - ceil(5 * cume_dist() over (partition by as_of_date order by recency_days)) as r_score,
    ceil(5 * cume_dist() over (partition by as_of_date order by frequency)) as f_score,
    ceil(5 * cume_dist() over (partition by as_of_date order by monetary)) as m_score
from valued;

create table customer_lifecycle as
with gaps as (
    select customer_id, ordered_at, row_number() over person as number,
        epoch(ordered_at - first_value(ordered_at) over person) / 86400 as span, lead(ordered_at) over person as next_at
    from orders where customer_id is not null
    window person as (partition by customer_id order by ordered_at, order_id)
),
expected as (
    select *, greatest(7, least(365, (span + 80) / (number + 1))) * interval 1 day as gap from gaps
),
spans as (
    select customer_id, unnest(['bought', 'at_risk', 'dormant', 'lost']) as stage, next_at, number,
        unnest([ordered_at, ordered_at + 1.5 * gap, ordered_at + 3 * gap, ordered_at + 6 * gap]) as entered_at
    from expected
)
select customer_id, case when stage = 'bought' and number = 1 then 'new' when stage = 'bought' then 'active' else stage end
        as stage, entered_at, lead(entered_at) over (partition by customer_id order by entered_at) as left_at
from spans where entered_at <= '$as_of'::timestamptz and entered_at < coalesce(next_at, 'infinity'::timestamptz);

create table customers as
with records as (from shop_customers union all by name from till_members),
told as (
    select
        members.customer_id, count(*) as record_count, string_agg(distinct members.source_system, ', ') as source_systems,
        bool_and(members.is_anonymous) as is_anonymous, arg_max(city, updated_at) as city,
        arg_max(country, updated_at) as country, arg_max(gender, updated_at) as gender,
        arg_max(birth_date, updated_at) as birth_date, arg_max(member_level, updated_at) as member_level,
        arg_max(consent, updated_at) as marketing_consent, min(created_at) as first_seen_at
    from members left join records using (record_key) group by members.customer_id
),
bought as (
    select
        customer_id, count(*) as orders_count, sum(net_amount) as net_revenue, min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at, arg_min(channel, ordered_at) as first_channel, mode(channel) as preferred_channel
    from orders where customer_id is not null group by customer_id
),
met as (
    select customer_id, min(occurred_at) as first_touched_at, max(occurred_at) as last_seen_at
    from touchpoints where customer_id is not null group by customer_id
)
select
    told.*, bought.* exclude (customer_id), met.* exclude (customer_id), customer_lifecycle.stage as lifecycle_stage,
    customer_rfm.r_score, customer_rfm.f_score, customer_rfm.m_score
from told
left join bought using (customer_id)
left join met using (customer_id)
left join customer_lifecycle on told.customer_id = customer_lifecycle.customer_id and customer_lifecycle.left_at is null
left join customer_rfm on told.customer_id = customer_rfm.customer_id and customer_rfm.as_of_date = '$as_of'::date - 1;

checkpoint;
