-- Grain: one row per part that the newest report gives of a platform's, account's, campaign's, ad group's, ad's day.
{{ config(
    materialized='incremental',
    unique_key='_group_key',
    meta={'loads': ['*.ad_performance'], 'in_load_order': true},
) }}
{%- set columns = [
    'source_system', 'account', 'campaign', 'ad_group', 'ad', 'date', 'currency', 'timezone', 'impressions',
    'clicks', 'cost', 'conversions',
] %}

with settled as (
    {{ settled_groups(ref('base_exports__ad_performance'), columns) }}
)

select * from settled
