-- Grain: one row per audience and person who ever could be reached for it: contacted, held out, or contaminated.
-- An arm is decided once. A person in whom both arms met, or who was held out and got the message, belongs to neither.
{{ config(materialized='table') }}

with eligibility as (

    select * from {{ ref('int_audiences__eligibility') }}
    where left_out is null

),

rules as (

    select * from {{ source('ops', 'audience_rules') }}

),

earlier as (

    select * from {{ source('ops', 'audience_members_before') }}

),

published_customers as (

    select * from {{ ref('int_identity__published_customers') }}

),

messages as (

    select * from {{ ref('int_audiences__messages') }}

),

keys as (

    select * from {{ source('ops', 'audience_keys') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

decided as (

    select
        earlier.audience,
        published_customers.current_customer_id as customer_id,
        case when min(earlier.arm) = max(earlier.arm) then min(earlier.arm) else 'contaminated' end as arm,
        min(earlier.member_since) as member_since
    from earlier
    inner join published_customers on earlier.customer_id = published_customers.customer_id
    where published_customers.current_customer_id is not null
    group by earlier.audience, published_customers.current_customer_id

),

drawn as (

    select
        eligibility.audience,
        eligibility.customer_id,
        case
            when {{ is_held_out('eligibility.audience', 'eligibility.customer_id', 'rules.holdout_share', 'keys') }}
                then 'held_out'
            else 'contacted'
        end as arm,
        cast(timezone({{ reporting_timezone() }}, run_parameters.as_of) as date) as member_since
    from eligibility
    inner join rules on eligibility.audience = rules.audience and rules.error is null
    cross join keys
    cross join run_parameters
    left join decided
        on eligibility.audience = decided.audience and eligibility.customer_id = decided.customer_id
    where decided.customer_id is null

),

unioned as (

    select
        *,
        false as is_new
    from decided
    union all
    select
        *,
        true as is_new
    from drawn

),

reached as (

    select distinct
        audience,
        customer_id
    from messages
    where audience is not null

),

final as (

    select
        unioned.audience,
        unioned.customer_id,
        -- As it was drawn: what contaminates it later is told by the messages.
        unioned.arm as decided_arm,
        case
            when unioned.arm = 'held_out' and reached.customer_id is not null then 'contaminated' else unioned.arm
        end as arm,
        unioned.member_since,
        unioned.is_new
    from unioned
    left join reached on unioned.audience = reached.audience and unioned.customer_id = reached.customer_id

)

select * from final
