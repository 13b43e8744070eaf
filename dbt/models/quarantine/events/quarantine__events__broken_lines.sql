-- Grain: one row per line of a dropped file that could not be read at all.
{{ config(unique_key=['load_id', 'row_number'], meta={'loads': ['events.events']}) }}

with unreadable as (
    {{ unreadable_lines('raw_events') }}
)

select * from unreadable
