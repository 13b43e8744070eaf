-- Grain: one row per store.
{{ config(materialized='table') }}

with pos_stores as (

    select * from {{ ref('stg_pos__stores') }}

),

final as (

    select
        store_id,
        'pos' as source_system,
        store_name,
        city,
        country,
        timezone,
        currency
    from pos_stores

)

select * from final
