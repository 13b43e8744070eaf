-- Grain: one row per night and key figure of a month that the night moved after it had been published.
{{ config(materialized='table') }}

with published as (

    select * from {{ source('ops', 'kpis_before') }}

),

kpi_monthly as (

    select * from {{ ref('kpi_monthly') }}

),

inputs as (

    select
        input,
        month,
        case
            when input in ('persons', 'persons_of_touches') then 'identity'
            when input = 'refunds' then 'refund'
            when input = 'rates' then 'fx'
            else 'late_record'
        end as cause
    from {{ ref('int_kpis__inputs') }}
    where is_moved

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

last_published as (

    select
        kpi,
        month,
        channel,
        variant,
        arg_max_null(value, night) as value
    from published
    group by kpi, month, channel, variant

),

moved as (

    select
        last_published.kpi,
        case
            when last_published.kpi = 'cac' and last_published.channel <> {{ all_of_it() }} then 'cac_by_model'
            else last_published.kpi
        end as figure,
        last_published.month,
        last_published.channel,
        last_published.variant,
        last_published.value as previous_value,
        kpi_monthly.value
    from last_published
    left join kpi_monthly
        on
            last_published.kpi = kpi_monthly.kpi
            and last_published.month = kpi_monthly.month
            and last_published.channel = kpi_monthly.channel
            and last_published.variant = kpi_monthly.variant
    where kpi_monthly.value is distinct from last_published.value

),

-- Which records a figure is made of, and of how many months before and after its own.
made_of as (

    {%- set sold = ['orders'] %}
    {%- set money = ['orders', 'refunds', 'rates'] %}
    {%- set touched = ['orders', 'persons', 'touches', 'persons_of_touches'] %}
    {%- set ever = 1200 %}
    {%- for figure, names, before, after in [
        ('net_revenue', money, 0, 0),
        ('orders', sold, 0, 0),
        ('new_customers', sold + ['persons'], ever, 0),
        ('aov', money, 0, 0),
        ('order_match_rate', sold + ['persons'], 0, 0),
        ('repeat_rate', sold + ['persons'], ever, 13),
        ('ltv_12m', money + ['persons'], ever, 13),
        ('first_reply_seconds', ['tickets'], 0, 0),
        ('resolution_seconds', ['tickets'], 0, 0),
        ('one_touch_share', ['tickets'], 0, 0),
        ('csat', ['tickets'], 0, 0),
        ('nps', ['tickets'], 0, 0),
        ('message_open_rate', ['messages'], ever, ever),
        ('message_click_rate', ['messages'], 12, 12),
        ('marketing_cost', ['ads', 'rates'], 0, 0),
        ('cac', sold + ['persons', 'ads', 'rates'], ever, 0),
        ('cac_by_model', touched + ['ads', 'rates'], ever, 2),
        ('retention', sold + ['persons', 'refunds'], 13, 1),
        ('retention_simple', sold + ['persons', 'refunds'], ever, 1),
        ('cross_channel_conversion', touched, 0, 2),
        ('cross_channel_share', touched, 0, 0),
        ('marketing_roi', money + ['ads'], ever, 0),
        ('incremental_roi', money + ['persons', 'ads'], 0, 0),
        ('payback_months', money + ['persons', 'ads'], ever, ever),
        ('roas', touched + ['refunds', 'ads', 'rates'], 2, 2),
        ('journey_completion', touched, ever, ever)
    ] %}
    select
        '{{ figure }}' as figure,
        unnest({{ names }}) as input,
        {{ before }} as months_before,
        {{ after }} as months_after
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

causes as (

    select
        moved.kpi,
        moved.month,
        moved.channel,
        moved.variant,
        string_agg(distinct inputs.cause, ', ' order by inputs.cause) as cause
    from moved
    inner join made_of on moved.figure = made_of.figure
    inner join inputs
        on
            made_of.input = inputs.input
            and date_diff('month', moved.month, inputs.month)
            between -made_of.months_before and made_of.months_after
    group by moved.kpi, moved.month, moved.channel, moved.variant

),

tonight as (

    select
        moved.kpi,
        moved.channel,
        moved.variant,
        coalesce(causes.cause, 'rule') as cause,
        moved.previous_value,
        moved.value,
        run_parameters.night,
        moved.month,
        run_parameters.as_of as changed_at
    from moved
    cross join run_parameters
    left join causes
        on
            moved.kpi = causes.kpi
            and moved.month = causes.month
            and moved.channel = causes.channel
            and moved.variant = causes.variant

),

earlier as (

    select
        kpi,
        channel,
        variant,
        cause,
        previous_value,
        value,
        night,
        month,
        changed_at
    from published
    where is_change

),

final as (

    select * from earlier
    union all
    select * from tonight

)

select * from final
