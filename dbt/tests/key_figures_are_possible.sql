-- A share lies between 0 and 1, a value is missing only where nothing can be divided, and all channels are their sum.
with kpi_daily as (

    select * from {{ ref('kpi_daily') }}

),

kpi_monthly as (

    select * from {{ ref('kpi_monthly') }}

),

figures as (

    select
        kpi,
        date as day,
        channel,
        is_ratio,
        numerator,
        denominator,
        value
    from kpi_daily
    union all
    select
        kpi,
        month as day,
        channel,
        is_ratio,
        numerator,
        denominator,
        value
    from kpi_monthly

),

impossible as (

    select
        kpi,
        day,
        channel
    from figures
    where
        (value is null) <> (numerator is null or (is_ratio and coalesce(denominator, 0) = 0))
        or (
            value not between 0 and 1
            and kpi in (
                'order_match_rate', 'repeat_rate', 'one_touch_share', 'message_open_rate', 'message_click_rate',
                'cross_source_rate', 'retention', 'cross_channel_conversion', 'cross_channel_share',
                'journey_completion'
            )
        )

),

totals as (

    select
        kpi,
        date as day,
        '(all)' as channel
    from kpi_daily
    group by kpi, date
    having
        count(*) > 1
        and (
            coalesce(sum(numerator) filter (where channel = '(all)'), 0)
            <> coalesce(sum(numerator) filter (where channel <> '(all)'), 0)
            or coalesce(sum(denominator) filter (where channel = '(all)'), 0)
            <> coalesce(sum(denominator) filter (where channel <> '(all)'), 0)
        )

)

select * from impossible
union all
select * from totals
