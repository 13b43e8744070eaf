-- Grain: one row per thing that happens to a customer id tonight, compared with the last publication.
{{ config(materialized='table') }}

with published_records as (

    select * from {{ ref('int_identity__published_records') }}

),

published_customers as (

    select * from {{ ref('int_identity__published_customers') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}

),

overrides_before as (

    select * from {{ source('ops', 'identity_overrides_before') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

-- Records of the last publication that are with another customer tonight; with none when they are gone.
moves as (

    select
        published_records.record_key,
        published_records.customer_id as id_before,
        members.customer_id as id_now
    from published_records
    left join members on published_records.record_key = members.record_key
    where
        published_records.customer_id is not null
        and published_records.customer_id is distinct from members.customer_id

),

ids_now as (

    select
        customer_id,
        anchor_record_key,
        is_anonymous
    from members
    where record_key = anchor_record_key

),

begun_ids as (

    select
        case when published_customers.customer_id is null then 'born' else 'revived' end as event,
        ids_now.customer_id,
        ids_now.anchor_record_key,
        ids_now.is_anonymous
    from ids_now
    left join published_customers on ids_now.customer_id = published_customers.customer_id
    where published_customers.customer_id is null or not published_customers.was_active

),

begun as (

    select
        begun_ids.event,
        begun_ids.customer_id,
        moves.id_before as other_customer_id,
        begun_ids.is_anonymous,
        false as moves_known
    from begun_ids
    left join moves on begun_ids.anchor_record_key = moves.record_key

),

ended as (

    select
        case
            when published_customers.current_customer_id is null then 'erased'
            when published_customers.bound_record_key <> published_customers.anchor_record_key then 'anchor_removed'
            when published_customers.is_anonymous and not ids_now.is_anonymous then 'identified'
            else 'merged'
        end as event,
        published_customers.customer_id,
        published_customers.current_customer_id as other_customer_id,
        published_customers.is_anonymous,
        not published_customers.is_anonymous as moves_known
    from published_customers
    left join ids_now on published_customers.current_customer_id = ids_now.customer_id
    where published_customers.was_active and not published_customers.is_active

),

-- Records that are now with somebody else than the one who carries their old id on.
parted as (

    select distinct
        'split' as event,
        moves.id_before as customer_id,
        moves.id_now as other_customer_id,
        published_customers.is_anonymous,
        not published_customers.is_anonymous and not ids_now.is_anonymous as moves_known
    from moves
    inner join published_customers on moves.id_before = published_customers.customer_id
    inner join ids_now on moves.id_now = ids_now.customer_id
    where moves.id_now <> coalesce(published_customers.current_customer_id, '')

),

happened as (

    select * from begun
    union all
    select * from ended
    union all
    select * from parted

),

overrides_now as (

    select
        action,
        record_key,
        other_record_key,
        type,
        value_hash
    from clusters
    where part = 'override' and status = 'accepted'

),

changed_overrides as (

    (
        select * from overrides_now
        except
        select * from overrides_before
    )
    union all
    (
        select * from overrides_before
        except
        select * from overrides_now
    )

),

overridden_records as (

    select record_key from changed_overrides
    union
    select other_record_key as record_key
    from changed_overrides
    where other_record_key is not null

),

-- Ids, of the last publication and of tonight, with a record that a new or withdrawn override names.
overridden as (

    select moves.id_before as customer_id
    from overridden_records
    inner join moves on overridden_records.record_key = moves.record_key
    union
    select members.customer_id
    from overridden_records
    inner join members on overridden_records.record_key = members.record_key

),

bereft as (

    select distinct id_before as customer_id
    from moves
    where id_now is null

),

fallen_apart as (

    select distinct customer_id from parted

),

-- A value that links nobody any more, on both sides of a group that fell apart.
hub_sides as (

    select
        hub_values.type,
        hub_values.value,
        published_records.customer_id as id_before,
        members.customer_id as id_now
    from fallen_apart
    inner join published_records on fallen_apart.customer_id = published_records.customer_id
    inner join members on published_records.record_key = members.record_key
    inner join clusters as carriers on members.record_key = carriers.record_key and carriers.part = 'carrier'
    inner join clusters as hub_values
        on carriers.type = hub_values.type and carriers.value = hub_values.value and hub_values.part = 'value'
    where hub_values.status = 'hub'
    group by hub_values.type, hub_values.value, published_records.customer_id, members.customer_id
    qualify count(*) over (partition by hub_values.type, hub_values.value, published_records.customer_id) > 1

),

hubs as (

    select distinct
        id_before,
        id_now
    from hub_sides

),

models as (

    select max(value_hash) as model_version
    from clusters
    where part = 'model'

),

versions as (

    select
        coalesce(
            run_parameters.rules_version <> run_parameters.rules_version_before
            or run_parameters.normaliser_version <> run_parameters.normaliser_version_before, false
        ) as is_new_rules,
        coalesce(run_parameters.blocked_version <> run_parameters.blocked_version_before, false) as is_new_blocked,
        coalesce(models.model_version <> run_parameters.model_version_before, false) as is_new_model,
        -- Nothing was linked by a model before, so none was exchanged; what the first one links, it links all the same.
        models.model_version is not null
        and run_parameters.rules_version_before is not null
        and run_parameters.model_version_before is null as is_first_model
    from run_parameters
    cross join models

),

judged as (

    select
        happened.event,
        happened.customer_id,
        happened.other_customer_id,
        happened.is_anonymous,
        happened.moves_known,
        one.customer_id is not null or other.customer_id is not null as is_overridden,
        bereft.customer_id is not null as is_bereft,
        happened.event in ('split', 'revived', 'born') and happened.other_customer_id is not null as is_part,
        hubs.id_before is not null as is_hub
    from happened
    left join overridden as one on happened.customer_id = one.customer_id
    left join overridden as other on happened.other_customer_id = other.customer_id
    left join bereft
        on
            case
                when happened.event in ('born', 'revived') then happened.other_customer_id
                else happened.customer_id
            end = bereft.customer_id
    left join hubs
        on
            case when happened.event = 'split' then happened.customer_id else happened.other_customer_id end
            = hubs.id_before
            and case when happened.event = 'split' then happened.other_customer_id else happened.customer_id end
            = hubs.id_now

),

final as (

    select
        judged.event,
        judged.customer_id,
        judged.other_customer_id,
        case
            -- A first appearance says of itself why it happened, unless it is a part of somebody else.
            when judged.event = 'born' and judged.other_customer_id is null then 'record'
            when judged.is_overridden then 'override'
            when judged.event in ('erased', 'anchor_removed') or judged.is_bereft then 'record'
            when versions.is_new_rules then 'rule'
            when versions.is_new_model or versions.is_first_model then 'model'
            when judged.is_part and judged.is_hub then 'hub'
            when judged.is_part and versions.is_new_blocked then 'rule'
            else 'record'
        end as cause,
        judged.is_anonymous,
        judged.moves_known,
        -- A person asked for it, a record left the lake, or what links depend on was exchanged.
        judged.is_overridden
        or judged.event = 'erased'
        or judged.event = 'anchor_removed'
        or judged.is_bereft
        or versions.is_new_rules
        or versions.is_new_model
        or versions.is_first_model as is_accounted_for,
        versions.is_new_rules or versions.is_new_model as is_new_version,
        run_parameters.night,
        run_parameters.as_of as occurred_at
    from judged
    cross join versions
    cross join run_parameters

)

select * from final
