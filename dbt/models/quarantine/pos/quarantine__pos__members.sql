-- Grain: one row per delivered row of pos members that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['pos.members']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_pos__members'), ref('stg_pos__members'), ['member_no']) }}
)

select * from not_staged
