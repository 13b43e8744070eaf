-- Grain: one row per thing that people were ever asked to decide about identity: open, decided or obsolete.
{{ config(materialized='table') }}

with reviews as (

    select * from {{ ref('int_identity__reviews') }}

),

review_values as (

    select * from {{ ref('int_identity__review_values') }}

),

reviews_before as (

    select * from {{ source('ops', 'reviews_before') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

published_customers as (

    select * from {{ ref('int_identity__published_customers') }}

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}
    where part = 'override' and status = 'accepted'

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

-- A pair stands under its customers, contradicting overrides under the records they name, a value under itself.
raised as (

    select
        reviews.reason,
        case when reviews.left_record is not null then left_members.customer_id end as left_customer_id,
        case when reviews.left_record is not null then right_members.customer_id end as right_customer_id,
        coalesce(reviews.left_record, review_values.left_record) as left_record,
        coalesce(reviews.right_record, review_values.right_record) as right_record,
        reviews.type,
        reviews.value_hash,
        reviews.score,
        coalesce(review_values.people, 2) as people,
        reviews.left_record is null as is_value,
        case
            when reviews.left_record is null then reviews.type || ' ' || reviews.value_hash
            when reviews.reason = 'overrides_contradict'
                then
                    least(reviews.left_record, reviews.right_record)
                    || ' ' || greatest(reviews.left_record, reviews.right_record)
            else
                least(left_members.customer_id, right_members.customer_id)
                || ' ' || greatest(left_members.customer_id, right_members.customer_id)
        end as subject
    from reviews
    left join members as left_members on reviews.left_record = left_members.record_key
    left join members as right_members on reviews.right_record = right_members.record_key
    left join review_values
        on
            case when reviews.left_record is null then reviews.type end = review_values.type
            and reviews.value_hash = review_values.value_hash

),

-- What was raised before, under the customers of today: keys follow those who survive, and equal ones collapse.
followed as (

    select
        reviews_before.reason,
        left_ids.current_customer_id as left_customer_id,
        right_ids.current_customer_id as right_customer_id,
        reviews_before.left_record,
        reviews_before.right_record,
        reviews_before.type,
        reviews_before.value_hash,
        reviews_before.first_raised_at,
        reviews_before.left_customer_id is null and reviews_before.reason <> 'overrides_contradict' as is_value,
        case
            when reviews_before.reason = 'overrides_contradict'
                then
                    least(reviews_before.left_record, reviews_before.right_record)
                    || ' ' || greatest(reviews_before.left_record, reviews_before.right_record)
            when reviews_before.left_customer_id is null then reviews_before.type || ' ' || reviews_before.value_hash
            when left_ids.current_customer_id is null or right_ids.current_customer_id is null
                then reviews_before.left_customer_id || ' ' || reviews_before.right_customer_id
            else
                least(left_ids.current_customer_id, right_ids.current_customer_id)
                || ' ' || greatest(left_ids.current_customer_id, right_ids.current_customer_id)
        end as subject
    from reviews_before
    left join published_customers as left_ids on reviews_before.left_customer_id = left_ids.customer_id
    left join published_customers as right_ids on reviews_before.right_customer_id = right_ids.customer_id

),

first_raised as (

    select
        reason,
        subject,
        min(first_raised_at) as first_raised_at
    from followed
    group by reason, subject

),

-- Between which customers, or within which one, people have decided.
spans as (

    select distinct
        least(one.customer_id, other.customer_id) || ' ' || greatest(one.customer_id, other.customer_id) as subject,
        least(one.customer_id, other.customer_id) as one_customer_id,
        greatest(one.customer_id, other.customer_id) as other_customer_id
    from clusters
    inner join members as one on clusters.record_key = one.record_key
    inner join members as other on clusters.other_record_key = other.record_key
    where clusters.action = 'must-link' or one.customer_id <> other.customer_id

),

dropped_values as (

    select distinct
        type,
        value_hash
    from clusters
    where action = 'drop-value'

),

-- A value is decided when something is decided between every two of its people, or a decision made them one.
decided_values as (

    select
        review_values.type,
        review_values.value_hash
    from review_values
    inner join spans
        on
            list_contains(review_values.customer_ids, spans.one_customer_id)
            and list_contains(review_values.customer_ids, spans.other_customer_id)
            and (spans.one_customer_id <> spans.other_customer_id or review_values.people = 1)
    group by review_values.type, review_values.value_hash, review_values.people
    having count(*) = greatest(review_values.people * (review_values.people - 1) // 2, 1)

),

current_reviews as (

    select
        raised.reason,
        raised.left_customer_id,
        raised.right_customer_id,
        raised.left_record,
        raised.right_record,
        raised.type,
        raised.value_hash,
        raised.score,
        raised.people,
        raised.is_value,
        first_raised.first_raised_at is null as is_new,
        case
            when raised.reason = 'overrides_contradict' then 'open'
            when raised.is_value and decided_values.type is not null then 'decided'
            when not raised.is_value and spans.subject is not null then 'decided'
            else 'open'
        end as state,
        coalesce(first_raised.first_raised_at, run_parameters.as_of) as first_raised_at
    from raised
    cross join run_parameters
    left join first_raised on raised.reason = first_raised.reason and raised.subject = first_raised.subject
    left join spans on raised.subject = spans.subject
    left join decided_values on raised.type = decided_values.type and raised.value_hash = decided_values.value_hash

),

past_reviews as (

    select
        followed.reason,
        followed.left_customer_id,
        followed.right_customer_id,
        followed.left_record,
        followed.right_record,
        followed.type,
        followed.value_hash,
        cast(null as double) as score,
        cast(null as bigint) as people,
        followed.is_value,
        false as is_new,
        case
            when followed.is_value and dropped_values.type is not null then 'decided'
            when not followed.is_value and spans.subject is not null then 'decided'
            else 'obsolete'
        end as state,
        followed.first_raised_at
    from followed
    left join raised on followed.reason = raised.reason and followed.subject = raised.subject
    left join spans on followed.subject = spans.subject
    left join dropped_values
        on followed.type = dropped_values.type and followed.value_hash = dropped_values.value_hash
    where raised.reason is null
    qualify row_number() over (
        partition by followed.reason, followed.subject
        order by followed.first_raised_at, followed.left_record, followed.right_record
    ) = 1

),

unioned as (

    select * from current_reviews
    union all
    select * from past_reviews

),

final as (

    select
        left_customer_id,
        right_customer_id,
        left_record,
        right_record,
        reason,
        type,
        value_hash,
        state,
        people,
        score,
        is_value,
        is_new,
        first_raised_at
    from unioned

)

select * from final
