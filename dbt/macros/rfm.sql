{#- Scores from values and cut points. Cut points are kept as many times themselves as there are bins (`_times_bins`): a
    type-7 quantile has the bins as its denominator, and nothing is ever divided. -#}

{#- The settings; the scheme of segments may be left out of the file, column and all. -#}
{% macro rfm_settings() -%}
select
    rfm_config.method,
    rfm_config.bins,
    rfm_config.closed,
    rfm_config."offset" as cut_offset,
    rfm_config.window_days,
    rfm_config.min_people,
    rfm_config.segments
from (
    select * from {{ ref('rfm_config') }}
    union all by name
    select cast(null as varchar) as segments
    where false
) as rfm_config
{%- endmacro %}

{#- The lines of the scheme in force: the one that is named, or else the first that is made for so many bins. -#}
{% macro rfm_scheme(settings) -%}
select rfm_segments.*
from {{ ref('rfm_segments') }} as rfm_segments
inner join {{ settings }} as settings on rfm_segments.bins = settings.bins
where rfm_segments.scheme = coalesce(
    settings.segments,
    (
        select min_by(made_for.scheme, (made_for.priority, made_for.scheme))
        from {{ ref('rfm_segments') }} as made_for
        inner join {{ settings }} as wanted on made_for.bins = wanted.bins
    )
)
{%- endmacro %}

{#- Snapshots with flat cuts. -#}
{% macro rfm_scales() -%}
select
    as_of_date,
    night,
    basis,
    chain,
    place,
    closed,
    bins,
    is_scored,
    is_fresh,
    is_shown,
    is_tonight,
    is_last_night,
    {{ rfm_flat_cuts() }}
from {{ ref('int_customers__rfm_scales') }}
{%- endmacro %}

{#- The people of earlier snapshots: of each the last row of its chain up to its place. `wanted` are scales. -#}
{% macro rfm_people_before(wanted) -%}
select
    spans.customer_id,
    wanted.as_of_date,
    spans.last_order_date,
    spans.frequency,
    spans.monetary
from {{ wanted }} as wanted
inner join (
    select
        rfm_values_before.*,
        lead(rfm_values_before.place) over (
            partition by rfm_values_before.chain, rfm_values_before.customer_id order by rfm_values_before.place
        ) as until_place
    from {{ source('ops', 'rfm_values_before') }} as rfm_values_before
    where rfm_values_before.chain in (select used.chain from {{ wanted }} as used)
) as spans
    on
        wanted.chain = spans.chain
        and wanted.place >= spans.place
        and (spans.until_place is null or wanted.place < spans.until_place)
where spans.frequency is not null
{%- endmacro %}

{#- Whose an id is now; NULL when nobody's. -#}
{% macro rfm_current_id(scored, history) -%}
case
    when {{ history }}.retired_customer_id is null then {{ scored }}.customer_id
    else {{ history }}.customer_id
end
{%- endmacro %}

{#- Rows of earlier nights stay; tonight's and those of a run that was not published go, and ids that moved are followed: those
    that are nobody's now, and those that were. -#}
{% macro rfm_carry_on() -%}
{%- if is_incremental() -%}
delete from {{ this }} as built
where built.is_tonight or not exists (
    select 1
    from {{ ref('int_customers__rfm_scales') }} as scales
    where scales.as_of_date = built.as_of_date
      and scales.night = built.snapshot_night
      and scales.is_shown
      and not scales.is_fresh
);
update {{ this }} as built
set current_customer_id = ids.current_customer_id
from (
    select people.customer_id, {{ rfm_current_id('people', 'history') }} as current_customer_id
    from (
        select retired_customer_id as customer_id from {{ ref('customer_id_history') }}
        union
        select customer_id from {{ this }} where current_customer_id is distinct from customer_id
    ) as people
    left join {{ ref('customer_id_history') }} as history on people.customer_id = history.retired_customer_id
) as ids
where ids.customer_id = built.customer_id and ids.current_customer_id is distinct from built.current_customer_id
{%- else -%}
select 1
{%- endif -%}
{%- endmacro %}

{#- The cut points of a scale as columns, so that no list is carried along with every person; each as the largest value that does
    not score above it, so that people are compared and nothing is multiplied for them. Values have three decimals. -#}
{% macro rfm_flat_cuts() -%}
{%- for measure in ('recency', 'frequency', 'monetary') -%}
{%- for k in range(1, 10) %}
{%- set thousandths = 'cast(' ~ measure ~ '_cuts[' ~ k ~ '] * 1000 as hugeint)' %}
cast(cast(
    {{ thousandths }} // bins
    - case
        when {{ thousandths }} % bins < 0 then 1
        when closed = 'left' and {{ thousandths }} % bins = 0 then 1
        else 0
    end
    as decimal(30, 0)
) * cast(0.001 as decimal(3, 3)) as decimal(18, 3)) as {{ measure }}_cut_{{ k }}{{ ',' if not (loop.last and measure == 'monetary') }}
{%- endfor -%}
{%- endfor -%}
{%- endmacro %}

{#- 1 + the cut points that a value lies above, or with `closed` left also on; `value` has three decimals. -#}
{% macro rfm_score(value, measure) -%}
cast(1
{%- for k in range(1, 10) %}
    + case when {{ value }} > scales.{{ measure }}_cut_{{ k }} then 1 else 0 end
{%- endfor %}
    as integer)
{%- endmacro %}

{#- Values with their scores; NULL where the population is too small. `scales` has one row a snapshot, with flat cuts. -#}
{% macro rfm_scored(values, scales) -%}
select
    scored.*,
    scales.night,
    scales.basis,
    scales.is_scored,
    scales.is_fresh,
    scales.is_tonight,
    case
        when scales.is_scored
            then scales.bins + 1 - {{ rfm_score('cast(scored.as_of_date - scored.last_order_date as decimal(18, 3))', 'recency') }}
    end as r_score,
    case when scales.is_scored then {{ rfm_score('cast(scored.frequency as decimal(18, 3))', 'frequency') }} end as f_score,
    case when scales.is_scored then {{ rfm_score('scored.monetary', 'monetary') }} end as m_score
from {{ values }} as scored
inner join {{ scales }} as scales on scored.as_of_date = scales.as_of_date
{%- endmacro %}

{#- The segment of each combination of scores that somebody has. -#}
{% macro rfm_segments_of(scores, scheme) -%}
select
    scores.r_score,
    scores.f_score,
    scores.m_score,
    scheme.segment
from (
    select distinct
        r_score,
        f_score,
        m_score
    from {{ scores }}
) as scores
inner join {{ scheme }} as scheme
    on
        scores.r_score between coalesce(scheme.r_min, 0) and coalesce(scheme.r_max, scheme.bins)
        and scores.f_score between coalesce(scheme.f_min, 0) and coalesce(scheme.f_max, scheme.bins)
        and scores.m_score between coalesce(scheme.m_min, 0) and coalesce(scheme.m_max, scheme.bins)
        and scores.f_score + scores.m_score between
        2 * coalesce(scheme.fm_min, 0) and 2 * coalesce(scheme.fm_max, scheme.bins)
qualify row_number() over (
    partition by scores.r_score, scores.f_score, scores.m_score
    order by scheme.priority
) = 1
{%- endmacro %}
