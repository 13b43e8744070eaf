-- Grain: one row per web shop record that was deleted there.
{{ config(materialized='view') }}

with events as (

    select * from {{ ref('stg_shopify__events') }}
    where verb = 'destroy'

),

final as (

    select
        lower(subject_type) as subject_type,
        subject_id,
        min(occurred_at) as deleted_at
    from events
    group by lower(subject_type), subject_id

)

select * from final
