{#- All blocked patterns of one identifier type as one literal, read when the model is compiled: DuckDB builds a regular
    expression once for a literal and once a row for a column. -#}
{% macro blocked_pattern(identifier_type) -%}
{%- set pattern = namespace(text='$.') -%}
{%- if execute -%}
    {%- set found = run_query(
        "select string_agg('(?:' || value || ')', '|' order by value) from " ~ ref('identity_blocked_values')
        ~ " where type in ('" ~ identifier_type ~ "', '*') and lower(is_pattern) in ('y', 'yes', 'true')"
    ).columns[0].values()[0] -%}
    {%- if found -%}{%- set pattern.text = found -%}{%- endif -%}
{%- endif -%}
'{{ pattern.text | replace("'", "''") }}'
{%- endmacro %}
