-- Grain: one row per person and as-of date: tonight and every month's end of the last two years.
{{ config(materialized='table') }}

with rfm_values as (

    select * from {{ ref('int_customers__rfm_values') }}

),

rfm_config as (

    select * from {{ ref('rfm_config') }}

),

rfm_segments as (

    select * from {{ ref('rfm_segments') }}

),

measures as (

    select
        customer_id,
        as_of_date,
        'recency' as measure,
        cast(recency_days as decimal(18, 3)) as x
    from rfm_values
    union all
    select
        customer_id,
        as_of_date,
        'frequency' as measure,
        cast(frequency as decimal(18, 3)) as x
    from rfm_values
    union all
    select
        customer_id,
        as_of_date,
        'monetary' as measure,
        cast(monetary as decimal(18, 3)) as x
    from rfm_values

),

ranked as (

    select
        *,
        row_number() over (partition by as_of_date, measure order by x) - 1 as position,
        count(*) over (partition by as_of_date, measure) as population
    from measures

),

cut_numbers as (

    select unnest(generate_series(1, cast(bins as bigint) - 1)) as k
    from rfm_config

),

-- The k-th type-7 cut of n bins lies at (N - 1)k/n between two neighbours. Kept n-fold, it needs no division.
cuts as (

    select
        ranked.as_of_date,
        ranked.measure,
        steps.k,
        max(rfm_config.bins) as bins,
        sum(
            cast(ranked.x as decimal(28, 3)) * case
                when ranked.position = (ranked.population - 1) * steps.k // rfm_config.bins
                    then rfm_config.bins - (ranked.population - 1) * steps.k % rfm_config.bins
                else (ranked.population - 1) * steps.k % rfm_config.bins
            end
        ) + max(cast(rfm_config.cut_offset as decimal(18, 3)) * rfm_config.bins) as cut_times_bins
    from ranked
    cross join rfm_config
    cross join cut_numbers as steps
    where ranked.position - (ranked.population - 1) * steps.k // rfm_config.bins in (0, 1)
    group by ranked.as_of_date, ranked.measure, steps.k

),

scored as (

    select
        measures.customer_id,
        measures.as_of_date,
        measures.measure,
        1 + count(*) filter (
            where case
                when rfm_config.closed = 'left' then measures.x * cuts.bins >= cuts.cut_times_bins
                else measures.x * cuts.bins > cuts.cut_times_bins
            end
        ) as score
    from measures
    inner join cuts on measures.as_of_date = cuts.as_of_date and measures.measure = cuts.measure
    cross join rfm_config
    group by measures.customer_id, measures.as_of_date, measures.measure

),

pivoted as (

    select
        scored.customer_id,
        scored.as_of_date,
        max(rfm_config.bins) + 1 - max(scored.score) filter (where scored.measure = 'recency') as r_score,
        max(scored.score) filter (where scored.measure = 'frequency') as f_score,
        max(scored.score) filter (where scored.measure = 'monetary') as m_score
    from scored
    cross join rfm_config
    group by scored.customer_id, scored.as_of_date

),

populations as (

    select
        as_of_date,
        count(*) as population
    from rfm_values
    group by as_of_date

),

published_scores as (

    select
        rfm_values.customer_id,
        rfm_values.as_of_date,
        rfm_values.basis,
        rfm_values.recency_days,
        rfm_values.frequency,
        rfm_values.monetary,
        populations.population >= rfm_config.min_people as is_scored,
        case when populations.population >= rfm_config.min_people then cast(pivoted.r_score as integer) end as r_score,
        case when populations.population >= rfm_config.min_people then cast(pivoted.f_score as integer) end as f_score,
        case when populations.population >= rfm_config.min_people then cast(pivoted.m_score as integer) end as m_score
    from rfm_values
    cross join rfm_config
    inner join populations on rfm_values.as_of_date = populations.as_of_date
    inner join pivoted on rfm_values.customer_id = pivoted.customer_id and rfm_values.as_of_date = pivoted.as_of_date

),

distinct_scores as (

    select distinct
        r_score,
        f_score,
        m_score
    from published_scores

),

score_segments as (

    select
        scores.r_score,
        scores.f_score,
        scores.m_score,
        rfm_segments.segment
    from distinct_scores as scores
    inner join rfm_segments
        on
            scores.r_score between rfm_segments.r_min and rfm_segments.r_max
            and scores.f_score between rfm_segments.f_min and rfm_segments.f_max
            and scores.m_score between rfm_segments.m_min and rfm_segments.m_max
    qualify row_number() over (
        partition by scores.r_score, scores.f_score, scores.m_score
        order by rfm_segments.priority
    ) = 1

),

final as (

    select
        published_scores.customer_id,
        published_scores.as_of_date,
        published_scores.basis,
        published_scores.recency_days,
        published_scores.frequency,
        published_scores.monetary,
        published_scores.r_score,
        published_scores.f_score,
        published_scores.m_score,
        case
            when not published_scores.is_scored then 'insufficient data'
            else coalesce(score_segments.segment, 'others')
        end as segment
    from published_scores
    left join score_segments
        on
            published_scores.r_score = score_segments.r_score
            and published_scores.f_score = score_segments.f_score
            and published_scores.m_score = score_segments.m_score

)

select * from final
