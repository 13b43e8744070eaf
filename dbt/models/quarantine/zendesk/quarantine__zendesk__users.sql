-- Grain: one row per delivered row of zendesk users that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.users']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_zendesk__users'), ref('stg_zendesk__users'), ['user_id']) }}
)

select * from not_staged
