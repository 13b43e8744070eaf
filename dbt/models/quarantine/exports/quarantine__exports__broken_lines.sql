-- Grain: one row per line of a dropped file that could not be read at all.
{{ config(unique_key=['load_id', 'row_number'], meta={'loads': export_loads()}) }}

with unreadable as (
    {{ unreadable_lines('raw_exports') }}
)

select * from unreadable
