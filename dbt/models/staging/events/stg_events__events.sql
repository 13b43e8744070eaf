-- Grain: one row per web or app event.
{{ config(materialized='incremental', unique_key='event_id', meta={'loads': ['events.events']}) }}
{%- set columns = [
    'event_id', 'event_type', 'event_name', 'device_id', 'user_id', 'previous_id', 'occurred_at', 'received_at',
    'email', 'phone', 'full_name', 'url', 'path', 'referrer', 'page_title', 'utm_source', 'utm_medium', 'utm_campaign',
    'click_id', 'click_id_type', 'sku', 'order_name', 'value_amount', 'currency',
] %}

with rows_to_judge as (
    {{ rows_to_judge(ref('base_events__events'), columns, rechecked_rule='occurred_in_the_future', by_time=true) }}
),

judged as (
    {{ judged_by_the_as_of('rows_to_judge', 'occurred_at') }}
),

newest_versions as (
    {{ newest_versions('judged', ref('base_events__events'), ['event_id'], columns) }}
)

select * from newest_versions
