-- Grain: one row per delivered row of exports messages that staging could not take.
{{ config(incremental_strategy='rewrite', meta={'loads': ['*.messages']}) }}
-- What waits for its time is asked there first. depends_on: {{ ref('stg_identity_contacts') }}

with not_staged as (
    {{ rows_not_staged(
        ref('base_exports__messages'),
        ref('stg_exports__messages'),
        ['system', 'message_id', 'event', 'occurred_at'],
        unmet_rule='occurred_in_the_future'
    ) }}
)

select * from not_staged
