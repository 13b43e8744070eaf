-- Grain: one row per month, RFM segment at the end of the month before, and segment at its own end.
{{ config(materialized='table') }}

with customer_rfm as (

    select
        customer_id,
        as_of_date,
        segment,
        {{ month_number('as_of_date') }} as month_number
    from {{ ref('customer_rfm') }}
    where as_of_date = last_day(as_of_date)

),

customer_id_history as (

    select * from {{ ref('customer_id_history') }}

),

-- A snapshot keeps the ids of its night; people are compared under tonight's.
resolved as (

    select
        customer_rfm.month_number,
        customer_rfm.as_of_date,
        customer_rfm.segment,
        {{ rfm_current_id('customer_rfm', 'customer_id_history') }} as customer_id,
        customer_id_history.retired_customer_id,
        customer_rfm.customer_id as snapshot_customer_id
    from customer_rfm
    left join customer_id_history on customer_rfm.customer_id = customer_id_history.retired_customer_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by month_number, customer_id
            order by retired_customer_id is not null, snapshot_customer_id
        ) = 1 or customer_id is null as is_person
    from resolved

),

month_ends as (

    select distinct
        month_number,
        as_of_date
    from customer_rfm

),

-- A month has moves when the one before has an end, too.
ends as (

    select
        later.month_number,
        later.as_of_date,
        earlier.as_of_date as from_as_of_date
    from month_ends as later
    inner join month_ends as earlier on later.month_number = earlier.month_number + 1

),

moved_from as (

    select
        ends.month_number,
        ranked.customer_id,
        ranked.segment as from_segment,
        ranked.is_person
    from ranked
    inner join ends on ranked.month_number + 1 = ends.month_number

),

moved_to as (

    select
        ranked.month_number,
        ranked.customer_id,
        ranked.segment as to_segment
    from ranked
    inner join ends on ranked.month_number = ends.month_number
    where ranked.is_person and ranked.customer_id is not null

),

-- Two ids of one person count once.
persons_from as (

    select * from moved_from
    where is_person

),

moves as (

    select
        coalesce(persons_from.month_number, moved_to.month_number) as month_number,
        coalesce(persons_from.from_segment, '(none)') as from_segment,
        case
            when persons_from.month_number is not null and persons_from.customer_id is null then 'erased'
            else coalesce(moved_to.to_segment, '(none)')
        end as to_segment
    from persons_from
    full outer join moved_to
        on persons_from.month_number = moved_to.month_number and persons_from.customer_id = moved_to.customer_id
    union all
    select
        month_number,
        from_segment,
        'merged' as to_segment
    from moved_from
    where not is_person

),

counted as (

    select
        month_number,
        from_segment,
        to_segment,
        count(*) as persons
    from moves
    group by month_number, from_segment, to_segment

),

final as (

    select
        counted.from_segment,
        counted.to_segment,
        counted.persons,
        counted.from_segment <> counted.to_segment as is_move,
        cast(date_trunc('month', ends.as_of_date) as date) as month,
        ends.from_as_of_date,
        ends.as_of_date
    from counted
    inner join ends on counted.month_number = ends.month_number

)

select * from final
