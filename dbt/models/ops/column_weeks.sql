-- Grain: one row per source system, subject, measure and week of the last 13 weeks, up to the last complete day.
{{ config(materialized='table') }}

with config as (

    select * from {{ ref('anomaly_config') }}

),

clock as (

    {{ weeks_compared() }}

),

orders as (

    select * from {{ ref('orders') }}

),

order_lines as (

    select * from {{ ref('order_lines') }}

),

payments as (

    select * from {{ ref('payments') }}

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

agreements as (

    select * from {{ ref('int_quality__agreements') }}

),

counted_orders as (

    {{ counted_by_week(
        'orders', weeks_before('order_date'), is_of_dates('order_date'),
        by=['channel', 'currency', 'store_id'], filled=['customer_id', 'net_amount_reporting']
    ) }}

),

counted_lines as (

    {{ counted_by_week(
        'order_lines', weeks_before('order_date'), is_of_dates('order_date'),
        by=['category'], filled=['sku', 'product_name']
    ) }}

),

counted_payments as (

    {{ counted_by_week(
        'payments', weeks_before('payment_date'), is_of_dates('payment_date'),
        by=['payment_method', 'currency'], filled=['order_id']
    ) }}

),

counted_refunds as (

    {{ counted_by_week(
        'refunds', weeks_before('refund_date'), is_of_dates('refund_date'), by=['kind'], filled=['customer_id']
    ) }}

),

counted_touchpoints as (

    {{ counted_by_week(
        'touchpoints', weeks_before_end('occurred_at'),
        is_of_instants('occurred_at') ~ ' and is_eligible',
        by=['touchpoint_type', 'channel'], filled=['campaign']
    ) }}

),

counted_messages as (

    {{ counted_by_week(
        'messages', weeks_before_end('occurred_at'), is_of_instants('occurred_at'),
        by=['event', 'channel'], filled=['customer_id', 'campaign']
    ) }}

),

counted_tickets as (

    {{ counted_by_week(
        'service_tickets', weeks_before_end('created_at'), is_of_instants('created_at'),
        by=['channel'], filled=['customer_id']
    ) }}

),

counted_ads as (

    {{ counted_by_week(
        'ad_performance', weeks_before('reporting_date'), is_of_dates('reporting_date'),
        by=['currency'], filled=['campaign', 'cost_reporting'], source_system='platform'
    ) }}

),

counted_people as (

    {# Web events tell of a user bit by bit: the youngest always lack most. #}
    {{ counted_by_week(
        'records', weeks_before_end('created_at'),
        is_of_instants('created_at') ~ " and not is_anonymous and record_type <> 'user'",
        by=['record_type', 'country'], filled=['full_name', 'email', 'phone']
    ) }}

),

categories as (

    {{ categories_by_week('counted_orders', 'orders', ['channel', 'currency', 'store_id']) }}
    union all
    {{ categories_by_week('counted_lines', 'order_lines', ['category']) }}
    union all
    {{ categories_by_week('counted_payments', 'payments', ['payment_method', 'currency']) }}
    union all
    {{ categories_by_week('counted_refunds', 'refunds', ['kind']) }}
    union all
    {{ categories_by_week('counted_touchpoints', 'touchpoints', ['touchpoint_type', 'channel']) }}
    union all
    {{ categories_by_week('counted_messages', 'messages', ['event', 'channel']) }}
    union all
    {{ categories_by_week('counted_tickets', 'service_tickets', ['channel']) }}
    union all
    {{ categories_by_week('counted_ads', 'ad_performance', ['currency']) }}
    union all
    {{ categories_by_week('counted_people', 'people', ['record_type', 'country']) }}

),

parts as (

    {{ filled_by_week('counted_orders', 'orders', ['customer_id', 'net_amount_reporting']) }}
    union all
    {{ filled_by_week('counted_lines', 'order_lines', ['sku', 'product_name']) }}
    union all
    {{ filled_by_week('counted_payments', 'payments', ['order_id']) }}
    union all
    {{ filled_by_week('counted_refunds', 'refunds', ['customer_id']) }}
    union all
    {{ filled_by_week('counted_touchpoints', 'touchpoints', ['campaign']) }}
    union all
    {{ filled_by_week('counted_messages', 'messages', ['customer_id', 'campaign']) }}
    union all
    {{ filled_by_week('counted_tickets', 'service_tickets', ['customer_id']) }}
    union all
    {{ filled_by_week('counted_ads', 'ad_performance', ['campaign', 'cost_reporting']) }}
    union all
    {{ filled_by_week('counted_people', 'people', ['full_name', 'email', 'phone']) }}
    union all
    {{ distinct_by_week('orders', 'customer_id', weeks_before('order_date'), is_of_dates('order_date')) }}
    union all
    {{ distinct_by_week('order_lines', 'sku', weeks_before('order_date'), is_of_dates('order_date')) }}
    union all
    {{ distinct_by_week('messages', 'customer_id', weeks_before_end('occurred_at'), is_of_instants('occurred_at')) }}
    union all
    {{ distinct_by_week(
        'service_tickets', 'customer_id', weeks_before_end('created_at'), is_of_instants('created_at')
    ) }}
    union all
    {{ distinct_by_week('records', 'email', weeks_before_end('created_at'), is_of_instants('created_at')) }}
    union all
    {{ distinct_by_week('records', 'phone', weeks_before_end('created_at'), is_of_instants('created_at')) }}
    union all
    select * from agreements
),

mixes as (

    select
        source_system,
        subject,
        weeks_back,
        sum(rows_counted) as rows_counted
    from categories
    group by source_system, subject, weeks_back

),

earlier as (

    select
        source_system,
        subject,
        category,
        sum(rows_counted) filter (where weeks_back > 0) as rows_earlier
    from categories
    group by source_system, subject, category

),

kinds as (

    select
        source_system,
        subject,
        count(*) as categories_counted,
        coalesce(sum(rows_earlier), 0) as rows_earlier
    from earlier
    group by source_system, subject

),

moves as (

    -- Half a row more in each category, so that one that is new or gone has a logarithm.
    select
        mixes.source_system,
        mixes.subject,
        mixes.weeks_back,
        mixes.rows_counted,
        kinds.rows_earlier,
        kinds.categories_counted,
        earlier.category,
        (coalesce(categories.rows_counted, 0) + 0.5) / (mixes.rows_counted + 0.5 * kinds.categories_counted)
            as share_now,
        (coalesce(earlier.rows_earlier, 0) + 0.5) / (kinds.rows_earlier + 0.5 * kinds.categories_counted)
            as share_earlier,
        (share_now - share_earlier) * ln(share_now / share_earlier) as moved
    from mixes
    inner join kinds on mixes.source_system = kinds.source_system and mixes.subject = kinds.subject
    inner join earlier on mixes.source_system = earlier.source_system and mixes.subject = earlier.subject
    left join categories
        on
            mixes.source_system = categories.source_system
            and mixes.subject = categories.subject
            and mixes.weeks_back = categories.weeks_back
            and earlier.category = categories.category
    where kinds.categories_counted > 1 and kinds.rows_earlier > 0

),

shifts as (

    select
        moves.source_system,
        moves.subject,
        moves.weeks_back,
        moves.rows_counted,
        round(sum(moves.moved), 6) as value,
        (moves.categories_counted - 1 + config.threshold * sqrt(2 * (moves.categories_counted - 1)))
        * 2 * (1 / moves.rows_counted + 1 / moves.rows_earlier) as by_chance,
        max_by(
            moves.category || ': ' || round(100 * moves.share_earlier, 1) || ' % to '
            || round(100 * moves.share_now, 1) || ' %',
            (moves.moved, moves.category)
        ) as moved_most
    from moves
    cross join config
    group by all

),

measured as (

    select
        source_system,
        subject,
        measure,
        weeks_back,
        rows_counted,
        cast(part as double) / nullif(whole, 0) as value,
        0.0 as by_chance,
        cast(null as varchar) as moved_most
    from parts
    union all
    select
        source_system,
        subject,
        'shift' as measure,
        weeks_back,
        rows_counted,
        value,
        by_chance,
        moved_most
    from shifts

),

baselines as (

    select
        measured.source_system,
        measured.subject,
        measured.measure,
        count(*) as weeks_compared,
        median(measured.value) as usual,
        mad(measured.value) as spread
    from measured
    cross join config
    where measured.weeks_back > 0 and measured.rows_counted >= config.min_rows and measured.value is not null
    group by measured.source_system, measured.subject, measured.measure

),

compared as (

    -- A deviation is never taken for less than chance alone makes of so many rows. They come in clumps, the lines of an
    -- order or the events of a message, so that their chance is taken for twice that of single ones.
    select
        measured.*,
        baselines.weeks_compared,
        baselines.usual,
        config.threshold * case measured.measure
            when 'share_empty'
                then greatest(
                    1.4826 * baselines.spread,
                    sqrt(2 * greatest(baselines.usual * (1 - baselines.usual), 0.01) / measured.rows_counted),
                    0.01
                )
            when 'share_distinct'
                then greatest(
                    1.4826 * baselines.spread,
                    0.1 * baselines.usual,
                    sqrt(greatest(baselines.usual, 0) / measured.rows_counted)
                )
            when 'agreement'
                then greatest(
                    1.4826 * baselines.spread,
                    0.1 * abs(baselines.usual),
                    1.5 * sqrt(abs(baselines.usual) * measured.rows_counted + 4) / measured.rows_counted
                )
            else 1.4826 * baselines.spread
        end as room,
        config.min_days,
        config.min_rows,
        config.least_shift
    from measured
    cross join config
    left join baselines
        on
            case when measured.weeks_back = 0 then measured.source_system end = baselines.source_system
            and measured.subject = baselines.subject
            and measured.measure = baselines.measure

),

final as (

    select
        compared.source_system,
        compared.subject,
        compared.measure,
        cast(clock.last_date - to_days(cast(7 * compared.weeks_back as integer)) as date) as week_end_date,
        compared.rows_counted,
        compared.value,
        coalesce(compared.weeks_compared, 0) as weeks_compared,
        compared.usual,
        case
            when compared.measure = 'shift' then 0 * compared.usual
            else greatest(compared.usual - compared.room, 0)
        end as usual_low,
        case
            when compared.measure = 'shift' and compared.usual is not null
                then greatest(compared.usual + compared.room, compared.by_chance, compared.least_shift)
            else compared.usual + compared.room
        end as usual_high,
        compared.moved_most,
        coalesce(
            compared.weeks_compared >= compared.min_days
            and compared.rows_counted >= compared.min_rows
            and compared.value not between usual_low and usual_high,
            false
        ) as is_unusual,
        compared.weeks_back = 0 as is_latest
    from compared
    cross join clock

)

select * from final
