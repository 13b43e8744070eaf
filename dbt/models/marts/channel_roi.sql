-- Grain: one row per calendar month, model, channel, platform and campaign with cost or credit.
{{ config(materialized='table') }}

with attribution as (

    select * from {{ ref('attribution') }}

),

ad_performance as (

    select * from {{ ref('ad_performance') }}

),

channels as (

    select * from {{ ref('channels') }}

),

orders as (

    select * from {{ ref('orders') }}
    where is_valid and customer_order_number <= 2

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

models as (

    {{ attribution_models() }}

),

platforms as (

    select distinct platform
    from ad_performance

),

-- A platform's cost stands under the channel that channels.csv gives the platform, or, where no line names it, would
-- give a paid visit from there.
platform_channels as (

    select
        platforms.platform,
        coalesce(channels.channel, 'other') as channel
    from platforms
    left join channels
        on
            platforms.platform = channels.platform
            or (
                channels.platform is null
                and channels.is_paid
                and channels.click_id_type is null
                and channels.referrer is null
                and (channels.utm_source is null or regexp_matches(lower(platforms.platform), channels.utm_source))
                and (channels.utm_medium is null or regexp_matches('cpc', channels.utm_medium))
            )
    qualify row_number() over (
        partition by platforms.platform
        order by coalesce(channels.platform = platforms.platform, false) desc, channels.priority
    ) = 1

),

-- The year after a person's first order is over, and whether it brought a second.
first_years as (

    select
        firsts.order_id,
        coalesce(epoch_us(seconds.ordered_at) - epoch_us(firsts.ordered_at) <= 365 * 86400000000, false) as is_repeated
    from orders as firsts
    left join orders as seconds
        on firsts.customer_id = seconds.customer_id and seconds.customer_order_number = 2
    cross join run_parameters
    where
        firsts.customer_order_number = 1
        and firsts.customer_id is not null
        and epoch_us(run_parameters.as_of) - epoch_us(firsts.ordered_at) >= 365 * 86400000000

),

costs as (

    select
        cast(date_trunc('month', ad_performance.date) as date) as month,
        models.model,
        platform_channels.channel,
        ad_performance.platform,
        coalesce(ad_performance.campaign, '(none)') as campaign,
        ad_performance.cost_reporting as cost,
        0 as revenue,
        0 as credit,
        0 as new_customers,
        0 as observed_customers,
        0 as repeat_customers
    from ad_performance
    inner join platform_channels on ad_performance.platform = platform_channels.platform
    cross join models

),

credits as (

    select
        attribution.month,
        attribution.model,
        attribution.channel,
        coalesce(attribution.platform, '(none)') as platform,
        coalesce(attribution.campaign, '(none)') as campaign,
        0 as cost,
        attribution.revenue_reporting as revenue,
        attribution.credit,
        case when attribution.is_first_order then attribution.credit else 0 end as new_customers,
        case when first_years.order_id is not null then attribution.credit else 0 end as observed_customers,
        case when first_years.is_repeated then attribution.credit else 0 end as repeat_customers
    from attribution
    left join first_years on attribution.order_id = first_years.order_id

),

unioned as (

    select * from costs
    union all
    select * from credits

),

summed as (

    select
        month,
        model,
        channel,
        platform,
        campaign,
        {{ money('coalesce(sum(cost), 0)') }} as cost,
        {{ money('coalesce(sum(revenue), 0)') }} as attributed_revenue,
        cast(sum(credit) as decimal(24, 12)) as attributed_orders,
        cast(sum(new_customers) as decimal(24, 12)) as new_customers,
        cast(sum(observed_customers) as decimal(24, 12)) as observed_customers,
        cast(sum(repeat_customers) as decimal(24, 12)) as repeat_customers
    from unioned
    group by month, model, channel, platform, campaign

),

final as (

    select
        model,
        channel,
        platform,
        campaign,
        cost,
        attributed_revenue,
        attributed_orders,
        new_customers,
        observed_customers,
        repeat_customers,
        cast(cost / nullif(new_customers, 0) as decimal(24, 6)) as cac,
        cast(attributed_revenue / nullif(cost, 0) as decimal(24, 6)) as roas,
        cast(repeat_customers / nullif(observed_customers, 0) as decimal(24, 6)) as repeat_rate,
        month
    from summed

)

select * from final
