-- Grain: one row per known person: their tags tonight as a set, since when it is this one, and a fingerprint of it all.
{{ config(materialized='table') }}
{%- set rules = run_query(tag_rules_in_force()).rows if execute else [] %}

with run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

features as (

    select
        customer_features.*,
        run_parameters.as_of_date
    from {{ ref('customer_features') }} as customer_features
    cross join run_parameters

),

tag_rules as (

    select * from {{ source('ops', 'tag_rules') }}

),

told as (

    select
        customer_id,
        max_by({ 'tags_low': tags_low, 'tags_high': tags_high, 'changed_on': changed_on }, night) as set_told
    from {{ source('ops', 'tags_before') }}
    group by customer_id

),

published as (

    select
        told.customer_id,
        told.set_told.tags_low,
        told.set_told.tags_high,
        told.set_told.changed_on
    from told

),

rules as (

    select {{ group_fingerprint(['place', 'tag', 'category', 'valid_from', 'valid_until']) }} as rules_fingerprint
    from tag_rules

),

judged as (

    select
        customer_id,
        as_of_date,
        {{ tags_of_half(rules, 0) }} as tags_low,
        {{ tags_of_half(rules, 1) }} as tags_high,
        {{ values_of_tags(rules) }} as values_fingerprint
    from features

),

compared as (

    select
        judged.*,
        -- A run may be given an earlier as-of than the last publication's.
        case
            when published.changed_on > judged.as_of_date then judged.as_of_date else published.changed_on
        end as published_on,
        rules.rules_fingerprint,
        judged.tags_low <> coalesce(published.tags_low, 0) or judged.tags_high <> coalesce(published.tags_high, 0)
            as is_changed
    from judged
    cross join rules
    left join published on judged.customer_id = published.customer_id

),

final as (

    select
        customer_id,
        tags_low,
        tags_high,
        is_changed,
        case when is_changed then as_of_date else published_on end as changed_on,
        {{ fingerprint(['tags_low', 'tags_high', 'values_fingerprint', 'rules_fingerprint',
                        'case when is_changed then as_of_date else published_on end']) }} as _fingerprint
    from compared

)

select * from final
