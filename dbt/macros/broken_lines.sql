{# The quarantine of lines that could not be read at all, of one raw schema of files. #}
{% macro unreadable_lines(raw_schema) -%}
    with broken_lines as (
        select *
        from {{ source(raw_schema, 'broken_lines') }}
        where {{ in_pending_loads() }}
    ),

    loads as (
        {{ load_times() }}
    )

    select
        cast(null as varchar) as key,
        'line_unreadable' as rule,
        broken_lines.reason,
        {{ json_row('broken_lines') }} as raw_row,
        cast(null as timestamp with time zone) as version_at,
        broken_lines._load_id as load_id,
        broken_lines._file_name as file_name,
        broken_lines._row_number as row_number,
        loads._loaded_at as first_seen_at,
        loads._loaded_at as last_seen_at,
        loads._loaded_at
    from broken_lines
    left join loads on broken_lines._load_id = loads.load_id
{%- endmacro %}
