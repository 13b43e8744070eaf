-- Grain: one row per known person and tag that they have tonight.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_other_tags() }}"
) }}
{%- set rules = run_query(tag_rules_in_force()).rows if execute else [] %}

with people as (

    {{ missing_keys(ref('int_customers__tag_sets'), 'customer_id', 'built._is_first') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

features as (

    select
        customer_features.*,
        people.tags_low,
        people.tags_high,
        people._fingerprint as tags_fingerprint,
        run_parameters.as_of_date
    from people
    inner join {{ ref('customer_features') }} as customer_features on people.customer_id = customer_features.customer_id
    cross join run_parameters

),

tag_rules as (

    select * from {{ source('ops', 'tag_rules') }}

),

published as (

    select
        tags_before.customer_id,
        max_by(tags_before.tags_low, tags_before.night) as published_low,
        max_by(tags_before.tags_high, tags_before.night) as published_high,
        max_by(tags_before.since, tags_before.night) as published_since
    from {{ source('ops', 'tags_before') }} as tags_before
    inner join people on tags_before.customer_id = people.customer_id
    group by tags_before.customer_id

),

given as (

    select
        features.*,
        tag_rules.tag,
        tag_rules.category as tag_category,
        tag_rules.valid_until,
        tag_rules.place
    from features
    inner join tag_rules on {{ has_tag_at('features.tags_low', 'features.tags_high', 'tag_rules.place') }}

),

final as (

    select
        given.customer_id,
        given.tag,
        given.tag_category as category,
        {{ value_of_tag(rules) }} as value,
        case
            when {{ has_tag_at('published.published_low', 'published.published_high', 'given.place') }}
                then least(
                    published.published_since[
                        1
                        + {{ tags_before_place('published.published_low', 'published.published_high', 'given.place') }}
                    ],
                    given.as_of_date
                )
            else given.as_of_date
        end as since,
        given.valid_until,
        {{ tags_before_place('given.tags_low', 'given.tags_high', 'given.place') }} = 0 as _is_first,
        given.tags_fingerprint as _fingerprint,
        current_timestamp as _loaded_at
    from given
    left join published on given.customer_id = published.customer_id

)

select * from final
