-- Grain: one row per value that is raised for review: its people, and the two of them who are worth most.
{{ config(materialized='table') }}

with reviews as (

    select * from {{ ref('int_identity__reviews') }}
    where left_record is null

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}
    where part = 'carrier'

),

members as (

    select * from {{ ref('int_identity__members') }}

),

recent_values as (

    select * from {{ ref('int_customers__recent_values') }}

),

raised as (

    select distinct
        type,
        value,
        value_hash
    from reviews

),

people as (

    select
        raised.type,
        raised.value_hash,
        members.customer_id,
        min(members.record_key) as record_key
    from raised
    inner join clusters on raised.type = clusters.type and raised.value = clusters.value
    inner join members on clusters.record_key = members.record_key
    group by raised.type, raised.value_hash, members.customer_id

),

ranked as (

    select
        people.type,
        people.value_hash,
        people.customer_id,
        people.record_key,
        recent_values.net_amount_reporting,
        row_number() over (
            partition by people.type, people.value_hash
            order by coalesce(recent_values.net_amount_reporting, 0) desc, people.customer_id
        ) as place
    from people
    left join recent_values on people.customer_id = recent_values.customer_id

),

final as (

    select
        type,
        value_hash,
        max(record_key) filter (where place = 1) as left_record,
        max(record_key) filter (where place = 2) as right_record,
        list(customer_id order by customer_id) as customer_ids,
        count(*) as people,
        max(net_amount_reporting) as net_amount_reporting
    from ranked
    group by type, value_hash

)

select * from final
