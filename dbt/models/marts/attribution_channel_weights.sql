-- Grain: one row per calendar month, fitted model and channel.
{{ config(materialized='table') }}

with weights as (

    select * from {{ ref('int_attribution__weights') }}

),

attribution_config as (

    select * from {{ ref('attribution_config') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

final as (

    select
        weights.model,
        weights.channel,
        weights.weight,
        weights.share,
        weights.conversions,
        weights.touches,
        weights.month_conversions,
        weights.month_nulls,
        -- Until then a run of touches of this month may still lead to an order.
        timezone({{ reporting_timezone() }}, cast(weights.month + interval 1 month as timestamp))
        + to_days(attribution_config.lookback_days) <= run_parameters.as_of as is_final,
        weights.month
    from weights
    cross join attribution_config
    cross join run_parameters

)

select * from final
