-- Grain: one row per conversion, or adjustment of one, that a publication ever offered to an advertising platform.
{{ config(materialized='table') }}

with earlier as (

    select * from {{ source('ops', 'conversions_before') }}

),

tonight as (

    select * from {{ ref('conversion_uploads') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

unioned as (

    select
        platform,
        action,
        order_id,
        kind,
        currency,
        run_id,
        value,
        night,
        converted_at,
        happened_at,
        exported_at
    from earlier
    union all
    select
        tonight.platform,
        tonight.action,
        tonight.order_id,
        tonight.kind,
        tonight.currency,
        run_parameters.run_id,
        tonight.value,
        run_parameters.night,
        tonight.converted_at,
        tonight.happened_at,
        run_parameters.as_of as exported_at
    from tonight
    cross join run_parameters

),

final as (

    select * from unioned

)

select * from final
order by night, platform, action, order_id
