-- Grain: one row per delivered row of zendesk tickets that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.tickets']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_zendesk__tickets'), ref('stg_zendesk__tickets'), ['ticket_id']) }}
)

select * from not_staged
