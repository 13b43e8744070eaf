-- Grain: one row per source system, stream, measure and business date of the last 14 weeks.
{{ config(materialized='table') }}

with config as (

    select * from {{ ref('anomaly_config') }}

),

clock as (

    select
        as_of,
        as_of_date as last_date,
        as_of_date - 97 as first_date,
        cast(as_of_date - 98 as timestamptz) as first_instant
    from {{ source('ops', 'run_parameters') }}

),

orders as (

    select * from {{ ref('orders') }}

),

order_lines as (

    select * from {{ ref('order_lines') }}

),

refunds as (

    select * from {{ ref('refunds') }}

),

touchpoints as (

    select * from {{ ref('touchpoints') }}

),

service_tickets as (

    select * from {{ ref('service_tickets') }}

),

messages as (

    select * from {{ ref('messages') }}

),

ad_performance as (

    select * from {{ ref('ad_performance') }}

),

records as (

    select * from {{ ref('int_identity__records') }}

),

loads as (

    select * from {{ source('ops', 'loads') }}

),

counted as (

    {{ counted_by_day('orders', "'orders'", 'order_date', 'customer_id is null', amount='due_amount_reporting') }}
    union all
    {{ counted_by_day('order_lines', "'order_lines'", 'order_date', 'sku is null', amount='quantity') }}
    union all
    {{ counted_by_day('refunds', "'refunds'", 'refund_date', 'order_id is null', amount='amount_reporting') }}
    union all
    {{ counted_by_day(
        'ad_performance', "'ad_performance'", 'reporting_date', 'campaign is null', amount='cost_reporting',
        source_system='platform'
    ) }}
    union all
    {{ counted_by_day(
        'touchpoints', 'touchpoint_type', reporting_date('occurred_at'), 'channel is null',
        only=is_compared('occurred_at')
        ~ " and order_id is null and ticket_id is null and touchpoint_type not like 'message%'"
    ) }}
    union all
    {{ counted_by_day(
        'messages', "'message_' || event", reporting_date('occurred_at'), 'customer_id is null',
        only=is_compared('occurred_at')
    ) }}
    union all
    {{ counted_by_day(
        'service_tickets', "'service_tickets'", reporting_date('created_at'), 'customer_id is null',
        only=is_compared('created_at')
    ) }}
    union all
    {{ counted_by_day(
        'records', "'people'", reporting_date('created_at'), 'email is null and phone is null',
        only=is_compared('created_at') ~ ' and not is_anonymous'
    ) }}

),

streams as (

    select
        counted.source_system,
        counted.stream,
        bool_or(counted.amount is not null) as has_amount,
        min(counted.business_date) as first_date
    from counted
    inner join clock on counted.business_date <= clock.last_date
    group by counted.source_system, counted.stream

),

reached as (

    -- A source whose file comes once a week says nothing of the days since: no day is judged that it has not reached.
    select
        source_system,
        max(business_date) as reached_date
    from counted
    group by source_system

),

days as (

    -- From the stream's first day on, a day without a row is a day with none.
    select
        streams.source_system,
        streams.stream,
        streams.has_amount,
        cast(calendar.calendar_date as date) as business_date,
        coalesce(counted.rows_counted, 0) as rows_counted,
        sum(coalesce(counted.rows_counted, 0)) over (
            partition by streams.source_system, streams.stream
            order by calendar.calendar_date
            rows between 6 preceding and current row
        ) as rows_of_week,
        case when streams.has_amount then coalesce(counted.amount, 0) end as amount,
        case
            when counted.rows_counted >= config.min_rows
                then counted.rows_without / cast(counted.rows_counted as double)
        end as share_without
    from streams
    cross join clock
    cross join config
    inner join range(streams.first_date, clock.last_date + 1, interval 1 day) as calendar (calendar_date) on true
    left join counted
        on
            streams.source_system = counted.source_system
            and streams.stream = counted.stream
            and calendar.calendar_date = counted.business_date

),

baselines as (

    -- The same weekday of the twelve weeks before.
    select
        days.source_system,
        days.stream,
        days.business_date,
        count(*) as days_compared,
        count(earlier.share_without) as shares_compared,
        median(earlier.rows_of_week) as week_median,
        mad(earlier.rows_of_week) as week_mad,
        median(earlier.rows_counted) as rows_median,
        mad(earlier.rows_counted) as rows_mad,
        median(earlier.amount) as amount_median,
        mad(earlier.amount) as amount_mad,
        median(earlier.share_without) as share_median,
        mad(earlier.share_without) as share_mad
    from days
    inner join days as earlier
        on
            days.source_system = earlier.source_system
            and days.stream = earlier.stream
            and earlier.business_date between days.business_date - 84 and days.business_date - 7
            and (days.business_date - earlier.business_date) % 7 = 0
    inner join clock on days.business_date > clock.last_date - 7
    group by days.source_system, days.stream, days.business_date

),

compared as (

    select
        days.*,
        baselines.days_compared,
        baselines.shares_compared,
        baselines.rows_median,
        baselines.rows_mad,
        baselines.week_median,
        baselines.week_mad,
        baselines.amount_median,
        baselines.amount_mad,
        baselines.share_median,
        baselines.share_mad
    from days
    left join baselines
        on
            days.source_system = baselines.source_system
            and days.stream = baselines.stream
            and days.business_date = baselines.business_date

),

measured as (

    -- A deviation is never taken for less than chance alone makes of so many rows.
    select
        compared.source_system,
        compared.stream,
        'rows' as measure,
        compared.business_date,
        cast(compared.rows_counted as double) as value,
        compared.days_compared,
        compared.rows_median as usual,
        greatest(1.4826 * compared.rows_mad, sqrt(compared.rows_median + 4)) as deviation
    from compared
    union all
    -- A stream of a few rows a day that stops is seen by its week.
    select
        compared.source_system,
        compared.stream,
        'rows_of_week' as measure,
        compared.business_date,
        cast(compared.rows_of_week as double) as value,
        compared.days_compared,
        compared.week_median as usual,
        greatest(1.4826 * compared.week_mad, sqrt(compared.week_median + 4)) as deviation
    from compared
    union all
    select
        compared.source_system,
        compared.stream,
        'amount' as measure,
        compared.business_date,
        cast(compared.amount as double) as value,
        case when compared.rows_median >= config.min_rows then compared.days_compared end as days_compared,
        compared.amount_median as usual,
        greatest(
            1.4826 * compared.amount_mad,
            abs(compared.amount_median) * greatest(0.1, 1.5 / sqrt(greatest(compared.rows_median, 1)))
        ) as deviation
    from compared
    cross join config
    where compared.has_amount
    union all
    select
        compared.source_system,
        compared.stream,
        'share_without' as measure,
        compared.business_date,
        compared.share_without as value,
        compared.shares_compared as days_compared,
        compared.share_median as usual,
        greatest(
            1.4826 * compared.share_mad,
            sqrt(greatest(compared.share_median * (1 - compared.share_median), 0.01) / compared.rows_counted),
            0.01
        ) as deviation
    from compared
    where compared.share_without is not null

),

nights as (

    select {{ reporting_date('loads.as_of') }} - 1 as business_date
    from loads
    inner join clock on {{ reporting_date('loads.as_of') }} > clock.first_date
    union
    select clock.last_date as business_date
    from clock

),

arrivals as (

    select
        source_system,
        {{ reporting_date('as_of') }} - 1 as business_date,
        max({{ reporting_date('last_record_at') }}) as reached_date
    from loads
    where admitted and last_record_at is not null
    group by source_system, business_date

),

lags as (

    -- How many days a source was behind on each night that there was: what it had reached by then, from all its loads.
    select
        arrivals.source_system,
        nights.business_date,
        greatest(nights.business_date - max(arrivals.reached_date), 0) as days_behind
    from nights
    inner join arrivals on nights.business_date >= arrivals.business_date
    group by arrivals.source_system, nights.business_date

),

delays as (

    select
        lags.source_system,
        lags.business_date,
        lags.days_behind,
        count(earlier.days_behind) as days_compared,
        median(earlier.days_behind) as usual,
        max(earlier.days_behind) as usual_high
    from lags
    left join lags as earlier
        on
            lags.source_system = earlier.source_system
            and earlier.business_date between lags.business_date - 84 and lags.business_date - 1
    group by lags.source_system, lags.business_date, lags.days_behind

),

final as (

    select
        measured.source_system,
        measured.stream,
        measured.measure,
        measured.business_date,
        measured.value,
        coalesce(measured.days_compared, 0) as days_compared,
        measured.usual,
        case
            when measured.usual is not null then greatest(measured.usual - config.threshold * measured.deviation, 0)
        end as usual_low,
        measured.usual + config.threshold * measured.deviation as usual_high,
        coalesce(
            measured.days_compared >= config.min_days
            and measured.business_date <= reached.reached_date
            and abs(measured.value - measured.usual) > config.threshold * measured.deviation,
            false
        ) as is_unusual,
        measured.business_date = clock.last_date as is_tonight
    from measured
    cross join config
    cross join clock
    left join reached on measured.source_system = reached.source_system
    union all
    select
        delays.source_system,
        'all' as stream,
        'days_behind' as measure,
        delays.business_date,
        delays.days_behind as value,
        delays.days_compared,
        delays.usual,
        0 as usual_low,
        delays.usual_high,
        delays.days_compared >= config.min_days and delays.days_behind > delays.usual_high as is_unusual,
        delays.business_date = clock.last_date as is_tonight
    from delays
    cross join config
    cross join clock

)

select * from final
