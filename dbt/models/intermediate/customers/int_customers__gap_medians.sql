-- Grain: one row per closed quarter and category with a gap between purchases, and one per quarter for all together.
{{ config(materialized='table') }}

with valid_orders as (

    select * from {{ ref('int_customers__valid_orders') }}
    where is_qualifying

),

decided_medians as (

    select * from {{ source('ops', 'gap_medians_before') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

-- Quarters that have closed and of which no publication told yet how long gaps usually were.
quarters as (

    select
        unnest(generate_series(
            date_trunc('quarter', (select min(valid_orders.reporting_date) from valid_orders)),
            date_trunc('quarter', run_parameters.as_of_date + 1) - interval 3 months,
            interval 3 months
        )) as begins_at
    from run_parameters

),

undecided as (

    select cast(begins_at as date) as quarter
    from quarters
    where cast(begins_at as date) not in (select decided_medians.quarter from decided_medians)

),

undecided_orders as (

    select
        valid_orders.order_id,
        valid_orders.customer_id,
        undecided.quarter
    from valid_orders
    inner join undecided on cast(date_trunc('quarter', valid_orders.reporting_date) as date) = undecided.quarter

),

followed as (

    select
        order_id,
        category,
        cast(round(epoch(ordered_at) - epoch(lag(ordered_at) over customer_orders)) as bigint) as gap_seconds
    from valid_orders
    where customer_id in (select undecided_orders.customer_id from undecided_orders)
    window customer_orders as (partition by customer_id order by ordered_at, customer_order_number, order_id)

),

gaps as (

    select
        undecided_orders.quarter,
        followed.category,
        followed.gap_seconds
    from undecided_orders
    inner join followed on undecided_orders.order_id = followed.order_id
    where followed.gap_seconds is not null

),

of_tonight as (

    select
        quarter,
        category,
        count(*) as gaps,
        median(gap_seconds) as median_seconds
    from gaps
    where category is not null
    group by quarter, category
    union all
    select
        quarter,
        null as category,
        count(*) as gaps,
        median(gap_seconds) as median_seconds
    from gaps
    group by quarter

),

final as (

    select
        quarter,
        category,
        gaps,
        median_seconds,
        false as is_new
    from decided_medians
    union all
    select
        quarter,
        category,
        gaps,
        median_seconds,
        true as is_new
    from of_tonight

)

select * from final
