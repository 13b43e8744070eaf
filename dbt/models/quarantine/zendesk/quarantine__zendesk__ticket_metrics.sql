-- Grain: one row per delivered row of zendesk ticket metrics that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.ticket_metrics']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_zendesk__ticket_metrics'), ref('stg_zendesk__ticket_metrics'), ['ticket_id']) }}
)

select * from not_staged
