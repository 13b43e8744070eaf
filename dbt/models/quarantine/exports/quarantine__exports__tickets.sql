-- Grain: one row per delivered row of exports tickets that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.tickets']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_exports__tickets'),
        ref('stg_exports__tickets'),
        ['system', 'ticket_id']
    ) }}
)

select * from not_staged
