-- Each known person has features, and as many tags as their set has; none since a day to come.
with tags as (
    select
        customer_tags.customer_id,
        count(*) as tags,
        max(customer_tags.since) as last_since
    from {{ ref('customer_tags') }} as customer_tags
    group by customer_tags.customer_id
),

missing as (
    select customers.customer_id
    from {{ ref('customers') }} as customers
    left join {{ ref('customer_features') }} as customer_features
        on customers.customer_id = customer_features.customer_id
    where not customers.is_anonymous and customer_features.customer_id is null
),

broken as (
    select sets.customer_id
    from {{ ref('int_customers__tag_sets') }} as sets
    cross join {{ source('ops', 'run_parameters') }} as run_parameters
    full join tags on sets.customer_id = tags.customer_id
    where
        sets.customer_id is null
        or bit_count(sets.tags_low) + bit_count(sets.tags_high) <> coalesce(tags.tags, 0)
        or tags.last_since > run_parameters.as_of_date
)

select * from missing
union all
select * from broken
