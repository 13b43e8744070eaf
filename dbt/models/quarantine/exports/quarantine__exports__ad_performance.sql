-- Grain: one row per delivered row of exports ad performance that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.ad_performance'], 'in_load_order': true}) }}

with not_settled as (
    {{ rows_not_settled(
        ref('base_exports__ad_performance'),
        ref('stg_exports__ad_performance'),
        unmet_rule='day_has_broken_part'
    ) }}
)

select * from not_settled
