-- Grain: one row per delivered row of zendesk organizations that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.organizations']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_zendesk__organizations'), ref('stg_zendesk__organizations'), ['organization_id']) }}
)

select * from not_staged
