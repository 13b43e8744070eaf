-- Grain: one row per delivered row of zendesk legs that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.legs']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_zendesk__legs'), ref('stg_zendesk__legs'), ['leg_id']) }}
)

select * from not_staged
