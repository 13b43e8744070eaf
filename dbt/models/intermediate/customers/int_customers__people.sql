-- Grain: one row per person, known or anonymous: their records and orders in numbers, with a fingerprint of the orders.
{{ config(materialized='table') }}

with members as (

    select * from {{ ref('int_identity__members') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

orders as (

    select * from {{ ref('orders') }}

),

joined as (

    select
        members.customer_id,
        records.source_system,
        members.is_anonymous,
        records.first_seen_at,
        records.last_seen_at
    from members
    inner join records on members.record_key = records.record_key

),

people as (

    select
        customer_id,
        count(*) as record_count,
        min(source_system) as first_source_system,
        min(source_system) <> max(source_system) as is_in_several,
        bool_and(is_anonymous) as is_anonymous,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from joined
    group by customer_id

),

-- Most people are in one system, and have nothing to list.
in_several as (

    select
        joined.customer_id,
        string_agg(distinct joined.source_system, ', ' order by joined.source_system) as source_systems
    from joined
    inner join people on joined.customer_id = people.customer_id
    where people.is_in_several
    group by joined.customer_id

),

-- An order's fingerprint covers its lines, its refunds, its number and whose it is.
bought as (

    select
        customer_id,
        count(*) filter (where is_valid) as orders_count,
        sum(net_amount_reporting) filter (where is_valid) as net_revenue,
        min(ordered_at) filter (where is_valid) as first_order_at,
        max(ordered_at) filter (where is_valid) as last_order_at,
        max(reporting_date) filter (where is_valid) as last_order_date,
        {{ group_fingerprint(['_fingerprint']) }} as orders_fingerprint
    from orders
    where customer_id is not null
    group by customer_id

),

final as (

    select
        people.customer_id,
        people.record_count,
        coalesce(in_several.source_systems, people.first_source_system) as source_systems,
        people.is_anonymous,
        people.first_seen_at,
        people.last_seen_at,
        coalesce(bought.orders_count, 0) as orders_count,
        bought.net_revenue,
        bought.first_order_at,
        bought.last_order_at,
        bought.last_order_date,
        bought.orders_fingerprint
    from people
    left join in_several on people.customer_id = in_several.customer_id
    left join bought on people.customer_id = bought.customer_id

)

select * from final
