-- Grain: one row per delivered row of exports ad performance that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.ad_performance']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_exports__ad_performance'),
        ref('stg_exports__ad_performance'),
        ['source_system', 'account', 'campaign', 'ad_group', 'ad', 'date']
    ) }}
)

select * from not_staged
