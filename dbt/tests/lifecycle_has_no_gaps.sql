-- A known person is in exactly one stage, and each stage begins when the one before ends. Whoever bought is known.
with followed as (
    select
        customer_id,
        left_at,
        lead(entered_at) over (partition by customer_id order by entered_at) as next_entered_at
    from {{ ref('customer_lifecycle') }}
),

broken as (
    select customer_id
    from followed
    where left_at is distinct from next_entered_at
),

missing as (
    select customers.customer_id
    from {{ ref('customers') }} as customers
    where
        (not customers.is_anonymous and customers.lifecycle_stage is null)
        or (customers.is_anonymous and customers.orders_count > 0)
)

select * from broken
union all
select * from missing
