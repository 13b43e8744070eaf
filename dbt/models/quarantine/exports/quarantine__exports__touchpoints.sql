-- Grain: one row per delivered row of exports touchpoints that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.touchpoints']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_exports__touchpoints'),
        ref('stg_exports__touchpoints'),
        ['system', 'touchpoint_id']
    ) }}
)

select * from not_staged
