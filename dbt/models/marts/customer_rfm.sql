-- Grain: one row per person and as-of date: tonight, every month's end and days asked for, each as it was published.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ rfm_carry_on() }}"
) }}

with settings as (

    {{ rfm_settings() }}

),

scheme as (

    {{ rfm_scheme('settings') }}

),

all_scales as (

    {{ rfm_scales() }}

),

scales as (

    select *
    from all_scales
    where
        is_shown
        {% if is_incremental() %}
        and (is_fresh or as_of_date not in (select distinct built.as_of_date from {{ this }} as built))
        {% endif %}

),

decided_scales as (

    select * from scales
    where not is_fresh

),

segments_before as (

    select * from {{ source('ops', 'rfm_segments_before') }}

),

customer_id_history as (

    select * from {{ ref('customer_id_history') }}

),

people as (

    select * exclude (basis) from {{ ref('int_customers__rfm_values') }}
    union all by name
    ({{ rfm_people_before('decided_scales') }})

),

scored as (

    {{ rfm_scored('people', 'scales') }}

),

fresh_scores as (

    select * from scored
    where is_fresh

),

fresh_segments as (

    {{ rfm_segments_of('fresh_scores', 'scheme') }}

),

final as (

    select
        scored.customer_id,
        {{ rfm_current_id('scored', 'customer_id_history') }} as current_customer_id,
        scored.basis,
        case
            when not scored.is_scored then 'insufficient data'
            when scored.is_fresh then coalesce(fresh_segments.segment, 'others')
            else segments_before.segment
        end as segment,
        cast(scored.as_of_date - scored.last_order_date as integer) as recency_days,
        scored.frequency,
        scored.monetary,
        scored.r_score,
        scored.f_score,
        scored.m_score,
        scored.night as snapshot_night,
        scored.is_tonight,
        scored.as_of_date
    from scored
    left join fresh_segments
        on
            scored.r_score = fresh_segments.r_score
            and scored.f_score = fresh_segments.f_score
            and scored.m_score = fresh_segments.m_score
    left join segments_before
        on
            scored.as_of_date = segments_before.as_of_date
            and scored.night = segments_before.night
            and scored.r_score = segments_before.r_score
            and scored.f_score = segments_before.f_score
            and scored.m_score = segments_before.m_score
    left join customer_id_history on scored.customer_id = customer_id_history.retired_customer_id

)

select * from final
