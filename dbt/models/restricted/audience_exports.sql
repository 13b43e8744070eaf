-- Grain: one row per audience and person whom tonight's files hold: whom to write to, and when at the earliest.
{{ config(materialized='table') }}

with members as (

    select * from {{ ref('int_audiences__members') }}
    where left_out is null

),

customers as (

    select * from {{ ref('customers') }}

),

contact_policy as (

    select distinct
        channel,
        purpose,
        quiet_from,
        quiet_to,
        timezone
    from {{ source('ops', 'contact_policy') }}

),

-- A country with one zone tells the person's; of the others nobody knows.
country_zones as (

    select
        country_code,
        min(timezone) as timezone
    from {{ ref('timezone_countries') }}
    group by country_code
    having count(*) = 1

),

keys as (

    select * from {{ source('ops', 'audience_keys') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

placed as (

    select
        members.*,
        members.channel in ('google_ads', 'meta_ads') as is_hashed,
        coalesce(contact_policy.timezone, country_zones.timezone, {{ reporting_timezone() }}) as timezone,
        contact_policy.quiet_from,
        contact_policy.quiet_to
    from members
    inner join contact_policy
        on members.channel = contact_policy.channel and members.policy_purpose = contact_policy.purpose
    left join customers on members.customer_id = customers.customer_id
    left join country_zones on customers.country = country_zones.country_code

),

zones as (

    select distinct
        timezone,
        quiet_from,
        quiet_to
    from placed

),

clocks as (

    select
        zones.*,
        run_parameters.as_of,
        cast(timezone(zones.timezone, run_parameters.as_of) as time) as clock,
        cast(timezone(zones.timezone, run_parameters.as_of) as date) as local_date
    from zones
    cross join run_parameters

),

-- Quiet hours from 21:00 to 09:00 pass midnight; before the end and from the beginning on it is quiet then.
quiet as (

    select
        *,
        case
            when quiet_from < quiet_to then clock >= quiet_from and clock < quiet_to
            when quiet_from > quiet_to then clock >= quiet_from or clock < quiet_to
            else false
        end as is_quiet
    from clocks

),

begun as (

    select
        *,
        case
            when not is_quiet then as_of
            when clock < quiet_to then {{ moment_of('local_date + quiet_to', 'timezone') }}
            else {{ moment_of('local_date + 1 + quiet_to', 'timezone') }}
        end as send_not_before
    from quiet

),

windows as (

    select
        *,
        case
            when {{ moment_of('send_date + quiet_from', 'timezone') }} > send_not_before
                then {{ moment_of('send_date + quiet_from', 'timezone') }}
            else {{ moment_of('send_date + 1 + quiet_from', 'timezone') }}
        end as send_before
    from (
        select
            *,
            cast(timezone(timezone, send_not_before) as date) as send_date
        from begun
    ) as dated

),

final as (

    select
        placed.audience,
        placed.customer_id,
        placed.channel,
        placed.message_key,
        case when placed.channel = 'email' then placed.email end as email,
        case when placed.channel = 'sms' then placed.phone end as phone,
        case when placed.channel = 'wecom' then placed.union_id end as union_id,
        case
            when placed.is_hashed then sha256({{ normal_email('placed.channel', 'placed.email') }})
        end as hashed_email,
        case
            when placed.is_hashed then sha256({{ normal_phone('placed.channel', 'placed.phone') }})
        end as hashed_phone,
        placed.timezone,
        windows.send_not_before,
        windows.send_before,
        -- The hash of nothing is nothing.
        list_filter(
            [
                {{ contact_hash("'email'", 'placed.email_contact', 'keys') }},
                {{ contact_hash("'phone'", 'placed.phone', 'keys') }},
                {{ contact_hash("'union_id'", 'placed.union_id', 'keys') }}
            ],
            contact_hash -> contact_hash is not null
        ) as contact_hashes
    from placed
    cross join keys
    inner join windows
        on
            placed.timezone = windows.timezone
            and placed.quiet_from is not distinct from windows.quiet_from
            and placed.quiet_to is not distinct from windows.quiet_to

)

select * from final
order by audience, customer_id
