-- Grain: one row per month and sequence of channels: how many paths were it, with an order at their end and without.
{{ config(materialized='view') }}

with paths as (

    select * from {{ ref('int_attribution__paths') }}

),

attribution_config as (

    select * from {{ ref('attribution_config') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

-- A run of touches led to no order once the time is over in which it could have.
final as (

    select
        paths.month,
        paths.channels as path,
        count(paths.order_id) as conversions,
        count(*) - count(paths.order_id) as nulls
    from paths
    cross join attribution_config
    cross join run_parameters
    where
        paths.order_id is not null
        or epoch_us(run_parameters.as_of) - epoch_us(paths.ended_at)
        >= attribution_config.lookback_days * 86400000000
    group by paths.month, paths.channels

)

select * from final
