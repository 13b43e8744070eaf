-- A line of rfm_segments.csv is a mistake if earlier lines cover it in full or it asks for a score that does not exist.
with scores as (
    select unnest(generate_series(1, (select cast(bins as bigint) from {{ ref('rfm_config') }}))) as score
),

winners as (
    select
        r.score as r_score,
        f.score as f_score,
        m.score as m_score,
        min(segments.priority) as priority
    from scores as r
    cross join scores as f
    cross join scores as m
    inner join {{ ref('rfm_segments') }} as segments
        on
            r.score between segments.r_min and segments.r_max
            and f.score between segments.f_min and segments.f_max
            and m.score between segments.m_min and segments.m_max
    group by r.score, f.score, m.score
)

select
    segments.priority,
    segments.segment
from {{ ref('rfm_segments') }} as segments
where segments.priority not in (select winners.priority from winners)
