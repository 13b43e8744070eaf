-- Grain: one row per store.
{{ config(materialized='table') }}

with pos_stores as (

    select * from {{ ref('stg_pos__stores') }}

),

mapped_invoices as (

    select * from {{ ref('int_exports__invoices') }}

),

mapped_refunds as (

    select * from {{ ref('stg_exports__refunds') }}

),

-- An export names its stores and says no more of them.
mapped_stores as (

    select
        system,
        store_id
    from mapped_invoices
    where store_id is not null
    union
    select
        system,
        store_id
    from mapped_refunds
    where store_id is not null

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
    union all
    select
        system || '-' || store_id as store_id,
        system as source_system,
        store_id as store_name,
        cast(null as varchar) as city,
        cast(null as varchar) as country,
        cast(null as varchar) as timezone,
        cast(null as varchar) as currency
    from mapped_stores

)

select * from final
