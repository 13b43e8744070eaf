-- Grain: one row per as-of date that tonight scores, shows or compares with: its population and cut points.
{{ config(materialized='table') }}

with rfm_values as (

    select * from {{ ref('int_customers__rfm_values') }}

),

settings as (

    {{ rfm_settings() }}

),

rfm_thresholds as (

    select * from {{ ref('rfm_thresholds') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

rfm_dates as (

    select * from {{ source('ops', 'rfm_dates') }}

),

rfm_scales_before as (

    select * from {{ source('ops', 'rfm_scales_before') }}

),

steps as (

    select unnest(generate_series(1, cast(bins as bigint) - 1)) as k
    from settings

),

counted as (

    select
        as_of_date,
        'recency' as measure,
        cast(as_of_date - last_order_date as decimal(18, 3)) as x,
        count(*) as people
    from rfm_values
    group by all
    union all
    select
        as_of_date,
        'frequency' as measure,
        cast(frequency as decimal(18, 3)) as x,
        count(*) as people
    from rfm_values
    group by all
    union all
    select
        as_of_date,
        'monetary' as measure,
        cast(monetary as decimal(18, 3)) as x,
        count(*) as people
    from rfm_values
    group by all

),

-- Equal values are one place: in rising order the people from `first_person`, counted from 0, to `until_person`.
placed as (

    select
        as_of_date,
        measure,
        x,
        sum(people) over rising - people as first_person,
        sum(people) over rising as until_person
    from counted
    window rising as (partition by as_of_date, measure order by x)

),

-- Type 7: the k-th cut of n bins lies at (N - 1)k/n, so many n-ths of the way between two people.
-- Nearest rank: it is the value of person ⌈Nk/n⌉.
wanted as (

    select
        populations.as_of_date,
        populations.measure,
        populations.population,
        steps.k,
        settings.bins,
        case
            when settings.method = 'percentiles'
                then (steps.k * populations.population + settings.bins - 1) // settings.bins - 1
            else (populations.population - 1) * steps.k // settings.bins
        end as lower_person,
        case
            when settings.method = 'percentiles' then 0
            else (populations.population - 1) * steps.k % settings.bins
        end as upper_share,
        settings.cut_offset
    from (
        select
            as_of_date,
            measure,
            sum(people) as population
        from counted
        group by as_of_date, measure
    ) as populations
    cross join settings
    cross join steps
    where settings.method <> 'thresholds'

),

quantile_cuts as (

    select
        wanted.as_of_date,
        wanted.measure,
        wanted.k,
        sum(
            cast(placed.x as decimal(28, 3)) * cast(
                case
                    when wanted.lower_person >= placed.first_person and wanted.lower_person < placed.until_person
                        then wanted.bins - wanted.upper_share
                    else 0
                end
                + case
                    when
                        wanted.lower_person + 1 >= placed.first_person
                        and wanted.lower_person + 1 < placed.until_person
                        then wanted.upper_share
                    else 0
                end as decimal(4, 0)
            )
        ) + max(cast(wanted.cut_offset as decimal(28, 3)) * wanted.bins) as cut_times_bins
    from wanted
    inner join placed
        on
            wanted.as_of_date = placed.as_of_date
            and wanted.measure = placed.measure
            and wanted.lower_person + 1 >= placed.first_person
            and wanted.lower_person < placed.until_person
    group by wanted.as_of_date, wanted.measure, wanted.k

),

threshold_cuts as (

    select
        measure,
        row_number() over (partition by measure order by threshold) as k,
        threshold
    from rfm_thresholds

),

populations as (

    select
        as_of_date,
        max(basis) as basis,
        count(*) as population
    from rfm_values
    group by as_of_date

),

cuts as (

    select
        as_of_date,
        measure,
        k,
        cast(cut_times_bins as decimal(38, 3)) as cut_times_bins
    from quantile_cuts
    union all
    select
        populations.as_of_date,
        threshold_cuts.measure,
        threshold_cuts.k,
        cast(
            (cast(threshold_cuts.threshold as decimal(28, 3)) + settings.cut_offset) * settings.bins
            as decimal(38, 3)
        ) as cut_times_bins
    from populations
    cross join settings
    cross join threshold_cuts
    where settings.method = 'thresholds'

),

listed as (

    select
        as_of_date,
        list(cut_times_bins order by k) filter (where measure = 'recency') as recency_cuts,
        list(cut_times_bins order by k) filter (where measure = 'frequency') as frequency_cuts,
        list(cut_times_bins order by k) filter (where measure = 'monetary') as monetary_cuts
    from cuts
    group by as_of_date

),

fresh as (

    select
        populations.as_of_date,
        case populations.basis when 'backfilled' then run_parameters.night end as night,
        populations.basis,
        cast(null as varchar) as chain,
        cast(null as integer) as place,
        settings.closed,
        settings.bins,
        populations.population,
        populations.population >= settings.min_people as is_scored,
        listed.recency_cuts,
        listed.frequency_cuts,
        listed.monetary_cuts
    from populations
    cross join settings
    cross join run_parameters
    left join listed on populations.as_of_date = listed.as_of_date

),

-- A day published twice is as its last publication showed it.
decided as (

    select rfm_scales_before.*
    from rfm_scales_before
    inner join run_parameters on rfm_scales_before.as_of_date < run_parameters.as_of_date
    qualify row_number() over (
        partition by rfm_scales_before.as_of_date
        order by rfm_scales_before.basis = 'published' desc, rfm_scales_before.night desc
    ) = 1

),

snapshots as (

    select
        *,
        true as is_fresh,
        true as is_shown
    from fresh
    union all by name
    select
        *,
        false as is_fresh,
        basis = 'backfilled'
        or as_of_date = last_day(as_of_date)
        or as_of_date in (select rfm_dates.as_of_date from rfm_dates) as is_shown
    from decided

),

final as (

    select
        snapshots.*,
        snapshots.as_of_date = run_parameters.as_of_date as is_tonight,
        snapshots.as_of_date = max(snapshots.as_of_date) filter (
            where snapshots.basis = 'published' and not snapshots.is_fresh
        ) over () as is_last_night,
        snapshots.as_of_date = max(snapshots.as_of_date) filter (
            where snapshots.as_of_date = last_day(snapshots.as_of_date)
            and snapshots.as_of_date < run_parameters.as_of_date
        ) over () as is_last_month_end
    from snapshots
    cross join run_parameters

)

select * from final
