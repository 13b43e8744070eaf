-- Grain: one row per platform, account, campaign, ad group, ad, day and currency as it stands tonight, fingerprinted.
{{ config(materialized='view') }}

with parts as (

    select * from {{ ref('stg_exports__ad_performance') }}

),

ad_performance as (

    select
        source_system,
        account,
        campaign,
        ad_group,
        ad,
        date,
        currency,
        min(timezone) as timezone,
        sum(impressions) as impressions,
        sum(clicks) as clicks,
        sum(conversions) as conversions,
        sum(cost) as cost
    from parts
    group by source_system, account, campaign, ad_group, ad, date, currency

),

daily_rates as (

    select * from {{ ref('int_fx__daily_rates') }}

),

joined as (

    -- A day of an account is that business date, whatever the account's zone. In the reporting zone it is the date of
    -- its middle, which holds the most of it.
    select
        md5(concat_ws(
            '|',
            ads.source_system,
            ads.account,
            ads.campaign,
            ads.ad_group,
            ads.ad,
            cast(ads.date as varchar),
            ads.currency
        )) as ad_performance_id,
        ads.source_system as platform,
        ads.account,
        ads.campaign,
        ads.ad_group,
        ads.ad,
        ads.currency,
        ads.timezone,
        cast(ads.impressions as bigint) as impressions,
        cast(ads.clicks as bigint) as clicks,
        cast(ads.conversions as decimal(18, 3)) as conversions,
        {{ money('ads.cost') }} as cost,
        {{ round_money(
            'cast(ads.cost as decimal(18, 3)) * case when ads.currency = ' ~ reporting_currency()
            ~ ' then cast(1 as decimal(20, 12)) else daily_rates.rate end',
            reporting_minor_unit()
        ) }} as cost_reporting,
        ads.date,
        case
            when ads.timezone is null then ads.date
            else {{ reporting_date("timezone(ads.timezone, cast(ads.date as timestamp) + interval 12 hours)") }}
        end as reporting_date
    from ad_performance as ads
    left join daily_rates on ads.currency = daily_rates.currency and ads.date = daily_rates.date

),

final as (

    select
        *,
        {{ fingerprint(['currency', 'timezone', 'reporting_date', 'impressions', 'clicks', 'conversions', 'cost',
                        'cost_reporting']) }}
            as _fingerprint
    from joined

)

select * from final
