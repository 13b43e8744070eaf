-- Grain: one row per line of audiences.csv and as-of that was published: whom it matched, and why some were left out.
{{ config(materialized='table') }}
{%- set reasons = [
    'no_contact_point', 'global_opt_out', 'suppressed', 'no_consent', 'contaminated', 'held_out', 'already_sent', 'capped',
] %}

with earlier as (

    select * exclude (night) from {{ source('ops', 'audience_runs_before') }}
    qualify night = max(night) over (partition by as_of)

),

rules as (

    select * from {{ source('ops', 'audience_rules') }}

),

members as (

    select * from {{ ref('int_audiences__members') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

counted as (

    select
        audience,
        count(*) as matched,
        {%- for reason in reasons %}
        count(*) filter (where left_out = '{{ reason }}') as {{ reason }},
        {%- endfor %}
        count(*) filter (where left_out is null or left_out = 'told_tonight') as exported
    from members
    group by audience

),

tonight as (

    select
        run_parameters.run_id,
        run_parameters.as_of,
        rules.line,
        rules.audience,
        rules.channel,
        rules.purpose,
        rules.message_key,
        case when rules.error is not null then 'refused' when rules.is_due then 'due' else 'resting' end as status,
        rules.error,
        rules.holdout_share,
        coalesce(counted.matched, 0) as matched,
        {%- for reason in reasons %}
        coalesce(counted.{{ reason }}, 0) as {{ reason }},
        {%- endfor %}
        coalesce(counted.exported, 0) as exported
    from rules
    cross join run_parameters
    left join counted on case when rules.error is null then rules.audience end = counted.audience

),

final as (

    select * from earlier
    where as_of <> (select run_parameters.as_of from run_parameters)
    union all by name
    select * from tonight

)

select * from final
order by as_of, line
