-- Grain: one row per source record: the customer it belongs to, and since when.
{{ config(materialized='table') }}

with clusters as (

    select * from {{ ref('int_identity__clusters') }}
    where part = 'member'

),

records as (

    select * from {{ ref('int_identity__records') }}

),

decisions as (

    select * from {{ source('ops', 'identity_decisions') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

first_decisions as (

    select
        record_key,
        customer_id,
        min(linked_at) as linked_at
    from decisions
    group by record_key, customer_id

),

final as (

    select
        clusters.record_key,
        clusters.customer_id,
        clusters.anchor_record_key,
        records.source_system,
        records.record_type,
        clusters.published_record_id,
        clusters.match_rule,
        clusters.match_confidence,
        clusters.is_anonymous,
        coalesce(first_decisions.linked_at, run_parameters.as_of) as linked_at
    from clusters
    inner join records on clusters.record_key = records.record_key
    cross join run_parameters
    left join first_decisions
        on clusters.record_key = first_decisions.record_key and clusters.customer_id = first_decisions.customer_id

)

select * from final
