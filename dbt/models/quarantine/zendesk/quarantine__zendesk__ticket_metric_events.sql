-- Grain: one row per delivered row of zendesk ticket_metric_events that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['zendesk.ticket_metric_events']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_zendesk__ticket_metric_events'), ref('stg_zendesk__ticket_metric_events'), ['event_id']
    ) }}
)

select * from not_staged
