-- Grain: one row per known person, with the fingerprint of all that their features hang on but the windows of orders.
{{ config(materialized='table') }}

with customers as (

    select * from {{ ref('customers') }}
    where not is_anonymous

),

people as (

    select * from {{ ref('int_customers__people') }}

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

chargebacks as (

    select
        customer_id,
        count(*) as chargebacks_count
    from refunds
    where kind = 'chargeback' and is_counted and customer_id is not null
    group by customer_id

),

touched as (

    select
        customer_id,
        hash({{ group_fingerprint(['touchpoint_type', 'is_session_start', 'occurred_at']) }}, count(*))
            as touches_fingerprint
    from recent_touches
    group by customer_id

),

asked as (

    select
        customer_id,
        {{ group_fingerprint(['ticket_id', 'category', 'csat_score', 'same_question_count', 'is_open', 'created_at',
                              'is_in_30d', 'is_in_90d', 'is_in_365d']) }} as tickets_fingerprint
    from tickets
    group by customer_id

),

final as (

    select
        customers.customer_id,
        {{ fingerprint(['customers.source_systems', 'customers.first_channel', 'customers.preferred_channel',
                        'customers.city', 'customers.country', 'customers.gender', 'customers.age_band',
                        'customers.member_level', 'customers.lifecycle_stage', 'customers.rfm_segment',
                        'customers.net_revenue', 'customers.marketing_consent', 'customers.first_seen_at',
                        'customers.last_seen_at', 'people.orders_fingerprint', 'chargebacks.chargebacks_count',
                        'touched.touches_fingerprint', 'asked.tickets_fingerprint', 'customer_rfm.r_score',
                        'customer_rfm.f_score', 'customer_rfm.m_score', 'customer_lifecycle.entered_at',
                        'customer_lifecycle.next_stage_at', 'customer_value.historic_margin',
                        'customer_value.alive_probability', 'customer_value.predicted_purchases_12m',
                        'customer_value.predicted_value_12m']) }} as _fingerprint
    from customers
    inner join people on customers.customer_id = people.customer_id
    left join chargebacks on customers.customer_id = chargebacks.customer_id
    left join touched on customers.customer_id = touched.customer_id
    left join asked on customers.customer_id = asked.customer_id
    left join customer_rfm on customers.customer_id = customer_rfm.customer_id
    left join customer_lifecycle on customers.customer_id = customer_lifecycle.customer_id
    left join customer_value on customers.customer_id = customer_value.customer_id

)

select * from final
