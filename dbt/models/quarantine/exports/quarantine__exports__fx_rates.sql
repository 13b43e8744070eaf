-- Grain: one row per delivered row of exports fx rates that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.fx_rates']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_exports__fx_rates'),
        ref('stg_exports__fx_rates'),
        ['source_system', 'date', 'base_currency', 'quote_currency']
    ) }}
)

select * from not_staged
