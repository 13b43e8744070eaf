-- Grain: one row per cause and kind of customer: what tonight does to the ids of the last publication.
with changes as (

    select * from {{ ref('int_identity__changes') }}

),

published_customers as (

    select * from {{ ref('int_identity__published_customers') }}

),

causes as (

    select
        causes.cause,
        kinds.is_anonymous
    from (values ('override'), ('record'), ('rule'), ('hub'), ('model')) as causes (cause)
    cross join (values (false), (true)) as kinds (is_anonymous)

),

before as (

    select
        is_anonymous,
        count(*) as customers_before
    from published_customers
    where was_active
    group by is_anonymous

),

-- An id that is both retired and split counts once, under the cause that accounts for it least.
moved as (

    select
        customer_id,
        cause,
        is_anonymous,
        is_accounted_for,
        is_new_version
    from changes
    where moves_known
    qualify row_number() over (partition by customer_id order by is_accounted_for, cause, event, other_customer_id) = 1

),

moved_by_cause as (

    select
        cause,
        is_anonymous,
        count(*) as moved,
        count(*) filter (where not is_accounted_for) as moved_unaccounted,
        count(*) filter (where is_new_version) as moved_by_new_version
    from moved
    group by cause, is_anonymous

),

counted as (

    select
        cause,
        is_anonymous,
        count(*) filter (where event = 'born') as born,
        count(*) filter (where event = 'merged') as merged,
        count(*) filter (where event = 'identified') as identified,
        count(*) filter (where event = 'anchor_removed') as anchor_removed,
        count(*) filter (where event = 'erased') as erased,
        count(*) filter (where event in ('merged', 'identified', 'anchor_removed', 'erased')) as retired,
        count(distinct customer_id) filter (where event = 'split') as split,
        count(*) filter (where event = 'revived') as revived
    from changes
    group by cause, is_anonymous

),

final as (

    select
        causes.cause,
        cast(coalesce(before.customers_before, 0) as bigint) as customers_before,
        cast(coalesce(counted.born, 0) as bigint) as born,
        cast(coalesce(counted.merged, 0) as bigint) as merged,
        cast(coalesce(counted.identified, 0) as bigint) as identified,
        cast(coalesce(counted.anchor_removed, 0) as bigint) as anchor_removed,
        cast(coalesce(counted.erased, 0) as bigint) as erased,
        cast(coalesce(counted.retired, 0) as bigint) as retired,
        cast(coalesce(counted.split, 0) as bigint) as split,
        cast(coalesce(counted.revived, 0) as bigint) as revived,
        cast(coalesce(moved_by_cause.moved, 0) as bigint) as moved,
        cast(coalesce(moved_by_cause.moved_unaccounted, 0) as bigint) as moved_unaccounted,
        cast(coalesce(moved_by_cause.moved_by_new_version, 0) as bigint) as moved_by_new_version,
        causes.is_anonymous
    from causes
    left join before on causes.is_anonymous = before.is_anonymous
    left join counted on causes.cause = counted.cause and causes.is_anonymous = counted.is_anonymous
    left join moved_by_cause
        on causes.cause = moved_by_cause.cause and causes.is_anonymous = moved_by_cause.is_anonymous

)

select * from final
