-- Grain: one row per journey, month in which runs began (or all of them together), and step.
{{ config(materialized='table') }}

with journey_steps as (

    select
        *,
        cast(date_trunc('month', {{ reporting_date('started_at') }}) as date) as entry_month
    from {{ ref('journey_steps') }}

),

journeys as (

    select * from {{ ref('journeys') }}

),

counted as (

    select
        journey,
        entry_month,
        step_number,
        count(distinct customer_id) filter (where is_in_time) as persons_reached,
        count(*) filter (where is_in_time) as runs_reached,
        count(*) filter (where is_furthest and run_status = 'completed') as runs_completed,
        count(*) filter (where is_furthest and run_status = 'ended') as runs_ended,
        count(*) filter (where is_furthest and run_status = 'left') as runs_left,
        count(*) filter (where is_furthest and run_status = 'open') as runs_open,
        count(*) filter (where not is_in_time) as runs_late,
        median(seconds_since_previous) filter (where is_in_time) as median_seconds
    from journey_steps
    group by grouping sets ((journey, entry_month, step_number), (journey, step_number))

),

entered as (

    select
        journey,
        entry_month,
        persons_reached as persons_entered
    from counted
    where step_number = 1

),

-- A step that nobody reached has its row, too.
steps as (

    select
        entered.journey,
        entered.entry_month,
        entered.persons_entered,
        journeys.step as step_number,
        journeys.step_name,
        coalesce(journeys.is_optional, '') = 'y' as is_optional,
        coalesce(counted.persons_reached, 0) as persons_reached,
        coalesce(counted.runs_reached, 0) as runs_reached,
        coalesce(counted.runs_completed, 0) as runs_completed,
        coalesce(counted.runs_ended, 0) as runs_ended,
        coalesce(counted.runs_left, 0) as runs_left,
        coalesce(counted.runs_open, 0) as runs_open,
        coalesce(counted.runs_late, 0) as runs_late,
        counted.median_seconds
    from entered
    inner join journeys on entered.journey = journeys.journey
    left join counted
        on
            entered.journey = counted.journey
            and entered.entry_month is not distinct from counted.entry_month
            and journeys.step = counted.step_number

),

-- Who passes over an optional step is not lost to the next one, so that is compared with the last step everybody takes.
compared as (

    select
        *,
        last_value(case when not is_optional then persons_reached end ignore nulls) over (
            partition by journey, entry_month
            order by step_number
            rows between unbounded preceding and 1 preceding
        ) as persons_before
    from steps

),

final as (

    select
        journey,
        coalesce(strftime(entry_month, '%Y-%m'), 'all') as period,
        step_name,
        step_number,
        persons_entered,
        persons_reached,
        runs_reached,
        runs_completed,
        runs_ended,
        runs_left,
        runs_open,
        runs_late,
        persons_reached / nullif(persons_before, 0) as share_of_previous,
        persons_reached / nullif(persons_entered, 0) as share_of_first,
        median_seconds,
        is_optional,
        entry_month
    from compared

)

select * from final
