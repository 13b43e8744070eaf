-- Grain: one row per thing that people were ever asked to decide about identity, with its state.
{{ config(materialized='table') }}

with review_states as (

    select * from {{ ref('int_identity__review_states') }}

),

review_values as (

    select * from {{ ref('int_identity__review_values') }}

),

recent_values as (

    select * from {{ ref('int_customers__recent_values') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

valued as (

    select
        review_states.*,
        coalesce(case
            when review_states.is_value then review_values.net_amount_reporting
            else greatest(left_values.net_amount_reporting, right_values.net_amount_reporting)
        end, 0) as net_amount_reporting
    from review_states
    left join recent_values as left_values on review_states.left_customer_id = left_values.customer_id
    left join recent_values as right_values on review_states.right_customer_id = right_values.customer_id
    left join review_values
        on
            case when review_states.is_value then review_states.type end = review_values.type
            and review_states.value_hash = review_values.value_hash

),

final as (

    select
        -- The form in which a record's key is published, and in which an override may name it.
        left_members.source_system || '/' || left_members.record_type || '/' || left_members.published_record_id
            as left_record,
        right_members.source_system || '/' || right_members.record_type || '/' || right_members.published_record_id
            as right_record,
        left_members.customer_id as left_customer_id,
        right_members.customer_id as right_customer_id,
        valued.reason,
        valued.type as value_type,
        valued.state,
        cast(valued.people as bigint) as people,
        valued.score,
        {{ money('valued.net_amount_reporting') }} as customer_value,
        valued.first_raised_at
    from valued
    left join members as left_members on valued.left_record = left_members.record_key
    left join members as right_members on valued.right_record = right_members.record_key

)

select * from final
order by customer_value desc, first_raised_at asc, reason asc, left_record asc, right_record asc
