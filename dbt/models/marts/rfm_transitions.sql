-- Grain: one row per comparison, since the last night or month's end, and customer id whose segment is another tonight.
{{ config(materialized='table') }}

with customer_rfm as (

    select * from {{ ref('customer_rfm') }}

),

scales as (

    {{ rfm_scales() }}

),

last_night as (

    select * from scales
    where is_last_night

),

last_month_end as (

    select * from {{ ref('int_customers__rfm_scales') }}
    where is_last_month_end

),

segments_before as (

    select * from {{ source('ops', 'rfm_segments_before') }}

),

customer_id_history as (

    select * from {{ ref('customer_id_history') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

tonight as (

    select * from customer_rfm
    where is_tonight

),

-- Most nights the last one is no month's end, so that no other table shows it.
last_night_people as (

    {{ rfm_people_before('last_night') }}

),

last_night_scored as (

    {{ rfm_scored('last_night_people', 'last_night') }}

),

earlier as (

    select
        'night' as since,
        scored.customer_id,
        {{ rfm_current_id('scored', 'customer_id_history') }} as current_customer_id,
        scored.monetary,
        case when scored.is_scored then segments_before.segment else 'insufficient data' end as segment,
        scored.as_of_date
    from last_night_scored as scored
    left join segments_before
        on
            scored.as_of_date = segments_before.as_of_date
            and scored.night = segments_before.night
            and scored.r_score = segments_before.r_score
            and scored.f_score = segments_before.f_score
            and scored.m_score = segments_before.m_score
    left join customer_id_history on scored.customer_id = customer_id_history.retired_customer_id
    union all
    select
        'month' as since,
        customer_rfm.customer_id,
        customer_rfm.current_customer_id,
        customer_rfm.monetary,
        customer_rfm.segment,
        customer_rfm.as_of_date
    from customer_rfm
    inner join last_month_end on customer_rfm.as_of_date = last_month_end.as_of_date

),

-- Of people who have come together the survivor's own segment is compared, or else the one that was worth most.
sides as (

    select *
    from earlier
    where current_customer_id is not null
    qualify row_number() over (
        partition by since, current_customer_id
        order by customer_id = current_customer_id desc, monetary desc, customer_id asc
    ) = 1

),

comparisons as (

    select
        since,
        max(as_of_date) as from_date
    from earlier
    group by since

),

tonight_by_comparison as (

    select
        comparisons.since,
        comparisons.from_date,
        tonight.customer_id,
        tonight.segment
    from tonight
    cross join comparisons

),

moves as (

    select
        coalesce(tonight.since, sides.since) as since,
        coalesce(tonight.customer_id, sides.current_customer_id) as customer_id,
        coalesce(tonight.customer_id, sides.current_customer_id) as current_customer_id,
        case
            when sides.segment is null then 'entered'
            when tonight.segment is null then 'left'
            else 'moved'
        end as movement,
        sides.segment as from_segment,
        tonight.segment as to_segment,
        coalesce(tonight.from_date, sides.as_of_date) as from_date
    from tonight_by_comparison as tonight
    full join sides on tonight.since = sides.since and tonight.customer_id = sides.current_customer_id
    where tonight.segment is distinct from sides.segment
    union all
    select
        earlier.since,
        earlier.customer_id,
        earlier.current_customer_id,
        case when earlier.current_customer_id is null then 'erased' else 'merged' end as movement,
        earlier.segment as from_segment,
        null as to_segment,
        earlier.as_of_date as from_date
    from earlier
    left join customer_id_history on earlier.customer_id = customer_id_history.retired_customer_id
    where
        earlier.current_customer_id is null
        or (
            earlier.customer_id <> earlier.current_customer_id
            and customer_id_history.reason in ('merged', 'identified')
        )

),

final as (

    select
        moves.customer_id,
        moves.current_customer_id,
        moves.since,
        moves.movement,
        moves.from_segment,
        moves.to_segment,
        moves.from_date,
        run_parameters.as_of_date as to_date
    from moves
    cross join run_parameters

)

select * from final
