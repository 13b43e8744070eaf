-- Grain: one row per delivered row of exports customers that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.customers']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_exports__customers'),
        ref('stg_exports__customers'),
        ['system', 'customer_key']
    ) }}
)

select * from not_staged
