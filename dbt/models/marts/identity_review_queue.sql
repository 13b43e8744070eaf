-- Grain: one row per open question about identity: a pair of customers or a shared value, the most valuable first.
{{ config(materialized='table') }}

with identity_reviews as (

    select * from {{ ref('identity_reviews') }}
    where state = 'open'

),

final as (

    select
        left_record,
        right_record,
        left_customer_id,
        right_customer_id,
        reason,
        value_type,
        people,
        score,
        customer_value,
        first_raised_at
    from identity_reviews

)

select * from final
order by customer_value desc, first_raised_at asc, reason asc, left_record asc, right_record asc
