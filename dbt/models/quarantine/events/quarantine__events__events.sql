-- Grain: one row per delivered row of events events that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['events.events']}) }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_events__events'),
        ref('stg_events__events'),
        ['event_id'],
        unmet_rule='occurred_in_the_future'
    ) }}
)

select * from not_staged
