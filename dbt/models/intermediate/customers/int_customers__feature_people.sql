-- Grain: one row per known person, with the fingerprint of all that their features hang on but the windows of orders.
{{ config(materialized='table') }}

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

bounds as (

    {{ window_bounds() }}

),

recent_touches as (

    {{ recent_touches('bounds') }}

),

tickets as (

    {{ tickets_by_the_as_of('bounds') }}

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

fingerprints as (

    select
        customer_id,
        {{ fingerprint(["'person'", 'source_systems', 'first_channel', 'preferred_channel', 'city', 'country', 'gender',
                        'age_band', 'member_level', 'lifecycle_stage', 'rfm_segment', 'orders_count', 'net_revenue',
                        'marketing_consent', 'first_seen_at', 'last_seen_at', 'first_order_at', 'last_order_at']) }}
            as part
    from customers
    union all
    -- An order's covers its lines, its refunds and whose it is.
    select
        customer_id,
        hash('orders', {{ group_fingerprint(['_fingerprint']) }}) as part
    from orders
    where customer_id is not null
    group by customer_id
    union all
    select
        customer_id,
        hash('chargebacks', count(*)) as part
    from refunds
    where kind = 'chargeback' and is_counted and customer_id is not null
    group by customer_id
    union all
    select
        customer_id,
        hash('touches', {{ group_fingerprint(['touchpoint_type', 'is_session_start', 'occurred_at']) }}, count(*))
            as part
    from recent_touches
    group by customer_id
    union all
    select
        customer_id,
        hash(
            'tickets',
            {{ group_fingerprint(['ticket_id', 'category', 'csat_score', 'same_question_count', 'is_open',
                                  'created_at', 'is_in_30d', 'is_in_90d', 'is_in_365d']) }}
        ) as part
    from tickets
    group by customer_id
    union all
    select
        customer_id,
        {{ fingerprint(["'scores'", 'r_score', 'f_score', 'm_score']) }} as part
    from customer_rfm
    union all
    select
        customer_id,
        {{ fingerprint(["'stage'", 'entered_at', 'next_stage_at']) }} as part
    from customer_lifecycle
    union all
    select
        customer_id,
        {{ fingerprint(["'value'", 'historic_margin', 'alive_probability', 'predicted_purchases_12m',
                        'predicted_value_12m']) }} as part
    from customer_value

),

final as (

    select
        customers.customer_id,
        bit_xor(fingerprints.part) as _fingerprint
    from fingerprints
    inner join customers on fingerprints.customer_id = customers.customer_id
    group by customers.customer_id

)

select * from final
