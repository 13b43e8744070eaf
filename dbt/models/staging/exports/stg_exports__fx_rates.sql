-- Grain: one row per source, day and currency pair, as last delivered.
{{ config(
    materialized='incremental',
    unique_key=['source_system', 'date', 'base_currency', 'quote_currency'],
    meta={'loads': ['*.fx_rates']},
) }}
{%- set key = ['source_system', 'date', 'base_currency', 'quote_currency'] %}
{%- set columns = [
    'source_system', 'date', 'base_currency', 'quote_currency', 'rate',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_exports__fx_rates'), columns) }}
),

newest_versions as (
    {{ newest_versions('rows_to_judge', ref('base_exports__fx_rates'), key, columns) }}
)

select * from newest_versions
