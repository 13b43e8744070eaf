-- Grain: one row per delivered row of zendesk deleted_tickets that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.deleted_tickets']}) }}

with not_staged as (
    {{ rows_not_staged(ref('base_zendesk__deleted_tickets'), ref('stg_zendesk__deleted_tickets'), ['ticket_id']) }}
)

select * from not_staged
