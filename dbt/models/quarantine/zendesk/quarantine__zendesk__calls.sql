-- Grain: one row per delivered row of zendesk calls that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.calls']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_zendesk__calls'), ref('stg_zendesk__calls'), ['call_id']) }}
)

select * from not_staged
