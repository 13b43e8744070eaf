-- Grain: one row per platform, account, campaign, ad group, ad and day, as last reported.
{{ config(
    materialized='incremental',
    unique_key=['source_system', 'account', 'campaign', 'ad_group', 'ad', 'date'],
    meta={'loads': ['*.ad_performance']},
) }}
{%- set key = ['source_system', 'account', 'campaign', 'ad_group', 'ad', 'date'] %}
{%- set columns = [
    'source_system', 'account', 'campaign', 'ad_group', 'ad', 'date', 'currency', 'timezone', 'impressions',
    'clicks', 'cost', 'conversions',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_exports__ad_performance'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_exports__ad_performance'), key, columns) }}
)

select * from newest_versions
