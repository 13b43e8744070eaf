-- Grain: one row per KPI, month that is over, channel and variant, and one for all of them.
{{ config(materialized='table') }}

with kpi_daily as (

    select
        *,
        cast(date_trunc('month', date) as date) as month
    from {{ ref('kpi_daily') }}
    -- Of these only tonight's state is known.
    where kpi not in ('cross_source_rate', 'reachable_customers', 'ltv_predicted_12m')

),

orders as (

    select
        *,
        {{ is_purchase('due_amount', 'net_amount') }} as is_qualifying
    from {{ ref('orders') }}
    where is_valid

),

touchpoints as (

    select
        *,
        cast(date_trunc('month', {{ reporting_date('occurred_at') }}) as date) as month
    from {{ ref('touchpoints') }}
    where is_eligible and customer_id is not null

),

cohort_retention as (

    select * from {{ ref('cohort_retention') }}

),

channel_roi as (

    select * from {{ ref('channel_roi') }}

),

-- Markov and Shapley fit a month anew until it is final.
fitted_months as (

    select
        month,
        model,
        bool_and(is_final) as is_final
    from {{ ref('attribution_channel_weights') }}
    group by month, model

),

advertised as (

    select
        channel_roi.month,
        channel_roi.channel,
        channel_roi.model,
        sum(channel_roi.cost) as cost,
        sum(channel_roi.new_customers) as new_customers,
        sum(channel_roi.attributed_revenue) as revenue,
        bool_and(coalesce(fitted_months.is_final, true)) as is_final
    from channel_roi
    left join fitted_months on channel_roi.month = fitted_months.month and channel_roi.model = fitted_months.model
    group by channel_roi.month, channel_roi.channel, channel_roi.model
    having sum(channel_roi.cost) <> 0

),

journey_funnel as (

    select * from {{ ref('journey_funnel') }}
    where entry_month is not null

),

holdouts as (

    select * from {{ ref('int_kpis__holdouts') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

of_days as (

    select
        kpi,
        month,
        channel,
        {{ all_of_it() }} as variant,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        is_ratio,
        bool_and(is_complete) as is_complete
    from kpi_daily
    group by kpi, month, channel, is_ratio

),

-- An order makes its person active at each month's first instant in the 365 days from it on. Months are numbers, so
-- that those of one person's orders join where they meet.
covers as (

    select distinct
        customer_id,
        {{ month_from('ordered_at') }} as from_month,
        {{ month_from('ordered_at + to_hours(365 * 24)') }} as until_month
    from orders
    where is_qualifying and customer_id is not null

),

reached as (

    select
        *,
        max(until_month) over (
            partition by customer_id
            order by from_month, until_month
            rows between unbounded preceding and 1 preceding
        ) as reached_month
    from covers

),

stretches as (

    select
        customer_id,
        from_month,
        until_month,
        count(*) filter (where reached_month is null or reached_month < from_month) over (
            partition by customer_id
            order by from_month, until_month
            rows between unbounded preceding and current row
        ) as stretch
    from reached

),

active_stretches as (

    select
        min(from_month) as from_month,
        max(until_month) as until_month
    from stretches
    group by customer_id, stretch

),

turns as (

    select
        from_month as month_number,
        1 as begun,
        0 as ended
    from active_stretches
    union all
    select
        until_month as month_number,
        0 as begun,
        1 as ended
    from active_stretches

),

turn_counts as (

    select
        month_number,
        sum(begun) as begun,
        sum(ended) as ended
    from turns
    group by month_number

),

months as (

    select
        month_start_date as month,
        {{ month_number('month_start_date') }} as month_number
    from {{ ref('dates') }}
    where day_of_month = 1

),

active_at as (

    select
        months.month,
        coalesce(sum(turns.begun - turns.ended) filter (where turns.month_number <= months.month_number), 0)
            as persons_before,
        coalesce(sum(turns.begun - turns.ended), 0) as persons_after,
        coalesce(sum(turns.ended) filter (where turns.month_number = months.month_number + 1), 0) as persons_lost
    from months
    inner join turn_counts as turns on months.month_number + 1 >= turns.month_number
    group by months.month

),

retained as (

    select
        active_at.month,
        active_at.persons_before,
        active_at.persons_before - active_at.persons_lost as persons_kept,
        active_at.persons_after - coalesce(acquired.numerator, 0) as persons_after_without_new
    from active_at
    left join of_days as acquired
        on
            active_at.month = acquired.month
            and acquired.kpi = 'new_customers'
            and acquired.channel = {{ all_of_it() }}

),

first_touches as (

    select
        customer_id,
        month,
        channel,
        min(occurred_at) as touched_at
    from touchpoints
    group by customer_id, month, channel

),

touched_channels as (

    select
        *,
        row_number() over (partition by customer_id, month order by touched_at, channel) as position
    from first_touches

),

across as (

    select
        touched_channels.customer_id,
        touched_channels.month,
        epoch_us(run_parameters.as_of) - epoch_us(touched_channels.touched_at) >= {{ thirty_days() }} as is_over,
        coalesce(bool_or(
            epoch_us(orders.ordered_at) > epoch_us(touched_channels.touched_at)
            and epoch_us(orders.ordered_at) - epoch_us(touched_channels.touched_at) <= {{ thirty_days() }}
        ), false) as is_converted
    from touched_channels
    cross join run_parameters
    left join orders on touched_channels.customer_id = orders.customer_id
    where touched_channels.position = 2
    group by touched_channels.customer_id, touched_channels.month, is_over

),

converted as (

    select
        month,
        count(*) as persons,
        count(*) filter (where is_over) as watched,
        count(*) filter (where is_over and is_converted) as converted,
        bool_and(is_over) as is_complete
    from across
    group by month

),

touched as (

    select
        month,
        count(*) as persons
    from touched_channels
    where position = 1
    group by month

),

money as (

    select
        month,
        coalesce(sum(numerator) filter (where kpi = 'net_revenue'), 0) as net_amount,
        coalesce(sum(numerator) filter (where kpi = 'marketing_cost'), 0) as cost,
        coalesce(sum(numerator) filter (where kpi = 'new_customers'), 0) as new_customers
    from of_days
    where channel = {{ all_of_it() }} and kpi in ('net_revenue', 'marketing_cost', 'new_customers')
    group by month

),

first_day as (

    select min(reporting_date) as date
    from orders

),

compared as (

    select
        money.month,
        money.cost,
        case
            when first_day.date <= cast(money.month - interval 1 year as date)
                then money.net_amount - coalesce(year_before.net_amount, 0) - money.cost
        end as gain
    from money
    cross join first_day
    left join money as year_before on year_before.month = cast(money.month - interval 1 year as date)

),

tried as (

    select
        holdouts.month,
        holdouts.audience,
        holdouts.incremental_amount - coalesce(money.cost, 0) as gain,
        coalesce(money.cost, 0) as cost
    from holdouts
    left join money on holdouts.month = money.month

),

earned as (

    select
        cohort_month,
        cohort_size,
        months_since,
        sum(margin_reporting) over (partition by cohort_month order by months_since) as margin
    from cohort_retention
    where is_complete

),

paid_back as (

    select
        earned.cohort_month as month,
        min(earned.months_since) filter (
            where {{ money('earned.margin') }} * money.new_customers
            >= {{ money('money.cost') }} * earned.cohort_size
        ) as months
    from earned
    inner join money on earned.cohort_month = money.month
    group by earned.cohort_month

),

across_share as (

    select
        touched.month,
        touched.persons,
        coalesce(converted.persons, 0) as persons_across
    from touched
    left join converted on touched.month = converted.month

),

walked as (

    select
        entry_month as month,
        journey,
        sum(runs_open) = 0 as is_complete,
        case when sum(runs_open) = 0 then sum(runs_completed) end as runs_completed,
        case when sum(runs_open) = 0 then sum(runs_completed + runs_ended + runs_left) end as runs
    from journey_funnel
    group by entry_month, journey

),

unioned as (

    select
        kpi,
        month,
        channel,
        variant,
        numerator,
        denominator,
        is_ratio,
        is_complete
    from of_days
    union all
    {%- set by_model = {'channel': 'channel', 'variant': 'model', 'is_complete': 'is_final'} %}
    {{ kpi_figures({'month': 'month', 'channel': all_of_it(), 'variant': all_of_it()}, [
        ('retention', 'retained', 'persons_kept', 'persons_before', {}),
        ('retention_simple', 'retained', 'persons_after_without_new', 'persons_before', {}),
        ('cross_channel_conversion', 'converted', 'converted', 'watched', {'is_complete': 'is_complete'}),
        ('cross_channel_share', 'across_share', 'persons_across', 'persons', {}),
        ('marketing_roi', 'compared', 'gain', 'cost', {}),
        ('incremental_roi', 'tried', 'gain', 'cost', {'variant': 'audience'}),
        ('payback_months', 'paid_back', 'months', none, {'is_complete': 'months is not null'}),
        ('cac', 'advertised', 'cost', 'new_customers', by_model),
        ('roas', 'advertised', 'revenue', 'cost', by_model),
        ('journey_completion', 'walked', 'runs_completed', 'runs', {'variant': 'journey', 'is_complete': 'is_complete'})
    ]) }}

),

final as (

    select
        unioned.kpi,
        unioned.channel,
        unioned.variant,
        {{ kpi_part('unioned.numerator') }} as numerator,
        {{ kpi_part('unioned.denominator') }} as denominator,
        {{ kpi_value('unioned.numerator', 'unioned.denominator', 'unioned.is_ratio') }} as value,
        unioned.is_ratio,
        unioned.is_complete,
        unioned.month
    from unioned
    inner join run_parameters on run_parameters.as_of_date >= last_day(unioned.month)

)

select * from final
