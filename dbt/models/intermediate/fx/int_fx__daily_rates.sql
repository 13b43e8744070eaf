-- Grain: one row per currency and day: what one unit of it is worth in the reporting currency.
{{ config(materialized='table') }}

with shipped_rates as (

    select * from {{ ref('fx_rates') }}

),

dropped_rates as (

    select * from {{ ref('stg_exports__fx_rates') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

-- A rate the company dropped wins over the shipped one of the same pair and day.
candidates as (

    select
        date,
        base_currency,
        quote_currency,
        cast(rate as decimal(20, 8)) as rate,
        2 as preference,
        'seed' as source_system
    from shipped_rates
    union all
    select
        date,
        base_currency,
        quote_currency,
        cast(rate as decimal(20, 8)) as rate,
        1 as preference,
        source_system
    from dropped_rates

),

given as (

    select
        date,
        base_currency,
        quote_currency,
        rate
    from candidates
    where rate > 0
    qualify row_number() over (
        partition by date, base_currency, quote_currency
        order by preference, source_system
    ) = 1

),

steps as (

    select
        date,
        base_currency as from_currency,
        quote_currency as to_currency,
        cast(rate as double) as rate,
        1 as preference
    from given
    union all
    select
        date,
        quote_currency,
        base_currency,
        1 / cast(rate as double) as rate,
        2 as preference
    from given

),

direct as (

    select
        date,
        from_currency as currency,
        rate,
        preference,
        '' as through_currency
    from steps
    where to_currency = {{ reporting_currency() }}

),

crossed as (

    select
        first_step.date,
        first_step.from_currency as currency,
        first_step.rate * second_step.rate as rate,
        case first_step.to_currency when 'EUR' then 3 when 'USD' then 4 else 5 end as preference,
        first_step.to_currency as through_currency
    from steps as first_step
    inner join steps as second_step
        on
            first_step.date = second_step.date
            and first_step.to_currency = second_step.from_currency
            and second_step.to_currency = {{ reporting_currency() }}
    where first_step.from_currency != {{ reporting_currency() }}

),

routes as (

    select * from direct
    union all
    select * from crossed

),

published as (

    select
        date,
        currency,
        cast(round(rate, 12) as decimal(20, 12)) as rate
    from routes
    where currency != {{ reporting_currency() }}
    qualify row_number() over (partition by date, currency order by preference, through_currency, rate) = 1

),

days as (

    select cast(unnest(generate_series(
        cast((select min(date) from published) as timestamp),
        cast(greatest((select max(date) from published), (select as_of_date from run_parameters)) as timestamp)
        + interval 7 days,
        interval 1 day
    )) as date) as date

),

carried as (

    -- A day without a rate (a week-end, a holiday) takes the last earlier one, if it is at most seven days old.
    select
        published.currency,
        days.date,
        published.rate,
        published.date as fx_rate_date
    from published
    inner join days on days.date between published.date and published.date + 7
    qualify row_number() over (partition by published.currency, days.date order by published.date desc) = 1

),

final as (

    select * from carried

)

select * from final
