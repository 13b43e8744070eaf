-- Grain: one row per delivered row of pos stores that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['pos.stores']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_pos__stores'), ref('stg_pos__stores'), ['store_id']) }}
)

select * from not_staged
