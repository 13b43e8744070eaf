-- Grain: one row per customer id ever published before tonight: the record it hangs on, and that record's customer now.
{{ config(materialized='table') }}

with decisions as (

    select * from {{ source('ops', 'identity_decisions') }}

),

bindings as (

    select * from {{ source('ops', 'identity_bindings_before') }}

),

published_records as (

    select * from {{ ref('int_identity__published_records') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

ids as (

    select
        customer_id,
        min(anchor_record_key) as anchor_record_key,
        coalesce(bool_or(is_anonymous), false) as is_anonymous
    from decisions
    where customer_id is not null
    group by customer_id

),

last_bindings as (

    select
        customer_id,
        arg_max(record_key, night) as record_key
    from bindings
    group by customer_id

),

-- An id hangs on its own anchor; once that is gone, on the record it was bound to since.
bound as (

    select
        ids.customer_id,
        ids.anchor_record_key,
        ids.is_anonymous,
        case
            when anchors.record_key is not null then ids.anchor_record_key
            else coalesce(last_bindings.record_key, ids.anchor_record_key)
        end as record_key
    from ids
    left join members as anchors on ids.anchor_record_key = anchors.record_key
    left join last_bindings on ids.customer_id = last_bindings.customer_id

),

-- The group that each lost record was last seen in, under the id of that time.
lost as (

    select
        bound.customer_id,
        published_records.last_customer_id
    from bound
    inner join published_records on bound.record_key = published_records.record_key
    left join members on bound.record_key = members.record_key
    where members.record_key is null

),

lost_groups as (

    select distinct last_customer_id from lost

),

-- Of those who are still there the next anchor: the first in the order of anchors.
heirs as (

    select
        lost_groups.last_customer_id,
        members.record_key
    from lost_groups
    inner join published_records on lost_groups.last_customer_id = published_records.last_customer_id
    inner join members on published_records.record_key = members.record_key
    inner join records on members.record_key = records.record_key
    qualify row_number() over (
        partition by lost_groups.last_customer_id
        order by
            records.is_anonymous, published_records.birth_night, records.created_at nulls last,
            members.record_key <> members.anchor_record_key, members.record_key
    ) = 1

),

rebound as (

    select
        bound.customer_id,
        bound.anchor_record_key,
        bound.is_anonymous,
        heirs.record_key is not null as is_rebound,
        coalesce(heirs.record_key, bound.record_key) as record_key
    from bound
    left join lost on bound.customer_id = lost.customer_id
    left join heirs on lost.last_customer_id = heirs.last_customer_id

),

active_before as (

    select distinct customer_id
    from published_records
    where customer_id is not null

),

active_now as (

    select distinct customer_id from members

),

final as (

    select
        rebound.customer_id,
        rebound.anchor_record_key,
        rebound.record_key as bound_record_key,
        current_members.customer_id as current_customer_id,
        rebound.is_anonymous,
        active_before.customer_id is not null as was_active,
        active_now.customer_id is not null as is_active,
        rebound.is_rebound
    from rebound
    left join members as current_members on rebound.record_key = current_members.record_key
    left join active_before on rebound.customer_id = active_before.customer_id
    left join active_now on rebound.customer_id = active_now.customer_id

)

select * from final
