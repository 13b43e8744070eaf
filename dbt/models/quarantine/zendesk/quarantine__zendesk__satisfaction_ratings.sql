-- Grain: one row per delivered row of zendesk satisfaction ratings that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.satisfaction_ratings']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_zendesk__satisfaction_ratings'),
        ref('stg_zendesk__satisfaction_ratings'),
        ['rating_id']
    ) }}
)

select * from not_staged
