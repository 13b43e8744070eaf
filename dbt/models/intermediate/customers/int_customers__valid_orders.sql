-- Grain: one row per valid order of a person, with the day and the order's main category. Whoever ordered is known.
{{ config(materialized='view') }}

with orders as (

    select * from {{ ref('orders') }}

),

final as (

    select
        order_id,
        customer_id,
        source_system,
        main_category as category,
        due_amount,
        net_amount,
        due_amount_reporting,
        {{ is_purchase('due_amount', 'net_amount') }} as is_qualifying,
        customer_order_number,
        reporting_date,
        ordered_at
    from orders
    where is_valid and customer_id is not null

)

select * from final
