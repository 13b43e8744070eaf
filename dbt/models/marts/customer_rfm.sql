-- Grain: one row per person and as-of date: tonight and every month's end of the last two years.
{{ config(materialized='table') }}

with rfm_values as (

    select * exclude (basis) from {{ ref('int_customers__rfm_values') }}

),

settings as (

    {{ rfm_settings() }}

),

scheme as (

    {{ rfm_scheme('settings') }}

),

scales as (

    select
        as_of_date,
        basis,
        closed,
        bins,
        is_scored,
        {{ rfm_flat_cuts() }}
    from {{ ref('int_customers__rfm_scales') }}

),

scored as (

    {{ rfm_scored('rfm_values', 'scales') }}

),

segments as (

    {{ rfm_segments_of('scored', 'scheme') }}

),

final as (

    select
        scored.customer_id,
        scored.basis,
        case
            when not scored.is_scored then 'insufficient data'
            else coalesce(segments.segment, 'others')
        end as segment,
        cast(scored.as_of_date - scored.last_order_date as integer) as recency_days,
        scored.frequency,
        scored.monetary,
        scored.r_score,
        scored.f_score,
        scored.m_score,
        scored.as_of_date
    from scored
    left join segments
        on
            scored.r_score = segments.r_score
            and scored.f_score = segments.f_score
            and scored.m_score = segments.m_score

)

select * from final
