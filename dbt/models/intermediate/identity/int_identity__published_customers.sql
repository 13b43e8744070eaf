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

active_before as (

    select distinct customer_id
    from published_records
    where customer_id is not null

),

-- The anchor of a group is its row of its own.
active_now as (

    select customer_id
    from members
    where record_key = anchor_record_key

),

flagged as (

    select
        ids.customer_id,
        ids.anchor_record_key,
        ids.is_anonymous,
        active_before.customer_id is not null as was_active,
        active_now.customer_id is not null as is_active
    from ids
    left join active_before on ids.customer_id = active_before.customer_id
    left join active_now on ids.customer_id = active_now.customer_id

),

last_bindings as (

    select
        customer_id,
        arg_max(record_key, night) as record_key
    from bindings
    group by customer_id

),

-- A retired id hangs on its own anchor; once that is gone, on the record it was bound to since.
bound as (

    select
        flagged.customer_id,
        case
            when anchors.record_key is not null then flagged.anchor_record_key
            else coalesce(last_bindings.record_key, flagged.anchor_record_key)
        end as record_key
    from flagged
    left join members as anchors on flagged.anchor_record_key = anchors.record_key
    left join last_bindings on flagged.customer_id = last_bindings.customer_id
    where not flagged.is_active

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

-- That group, and whoever was last seen under the id itself: they may have been gone when the rest went elsewhere.
lost_groups as (

    select last_customer_id from lost
    union
    select customer_id as last_customer_id from lost

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
        coalesce(heirs.record_key, own_heirs.record_key) is not null as is_rebound,
        coalesce(heirs.record_key, own_heirs.record_key, bound.record_key) as record_key
    from bound
    left join lost on bound.customer_id = lost.customer_id
    left join heirs on lost.last_customer_id = heirs.last_customer_id
    left join heirs as own_heirs on lost.customer_id = own_heirs.last_customer_id

),

resolved as (

    select
        rebound.customer_id,
        rebound.record_key,
        members.customer_id as current_customer_id,
        rebound.is_rebound
    from rebound
    left join members on rebound.record_key = members.record_key

),

final as (

    select
        flagged.customer_id,
        flagged.anchor_record_key,
        coalesce(resolved.record_key, flagged.anchor_record_key) as bound_record_key,
        case when flagged.is_active then flagged.customer_id else resolved.current_customer_id end
            as current_customer_id,
        flagged.is_anonymous,
        flagged.was_active,
        flagged.is_active,
        coalesce(resolved.is_rebound, false) as is_rebound
    from flagged
    left join resolved on flagged.customer_id = resolved.customer_id

)

select * from final
