{#
  Raw columns are text. Each macro here reads one kind of value and yields NULL where the text is not one; the rules of a
  base model then compare with the raw text to tell "absent" from "broken". DuckDB's names stay in this file.
#}

{# Text without surrounding blanks; an empty text is an absent one. #}
{% macro to_text(column) -%}
    nullif(trim({{ column }}), '')
{%- endmacro %}

{# Three decimals hold every ISO 4217 currency (KWD has three). #}
{% macro money_type() -%}
    decimal(18, 3)
{%- endmacro %}

{% macro to_money(column) -%}
    try_cast({{ column }} as {{ money_type() }})
{%- endmacro %}

{% macro to_rate(column) -%}
    try_cast({{ column }} as decimal(18, 8))
{%- endmacro %}

{% macro to_quantity(column) -%}
    try_cast({{ column }} as {{ money_type() }})
{%- endmacro %}

{% macro to_integer(column) -%}
    try_cast({{ column }} as bigint)
{%- endmacro %}

{% macro to_boolean(column) -%}
    try_cast({{ column }} as boolean)
{%- endmacro %}

{% macro to_date(column) -%}
    try_cast({{ column }} as date)
{%- endmacro %}

{# The session's zone is UTC, so a time without an offset is read as UTC. #}
{% macro to_time(column) -%}
    try_cast({{ column }} as timestamp with time zone)
{%- endmacro %}

{% macro plus_minutes(time, minutes) -%}
    {{ time }} + to_minutes({{ minutes }})
{%- endmacro %}

{# A value that is there but could not be read. #}
{% macro is_unreadable(raw_column, typed_column) -%}
    ({{ to_text(raw_column) }} is not null and {{ typed_column }} is null)
{%- endmacro %}

{% macro is_currency(column) -%}
    coalesce({{ column }}, '') in (select known.currency from {{ ref('currencies') }} as known)
{%- endmacro %}

{# The first match of a pattern's group; NULL without one. #}
{% macro matched(column, pattern, group=1) -%}
    nullif(regexp_extract({{ column }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro %}

{# A web shop's order name as people write it: #1234, #CN-1234. #}
{% macro order_name_pattern() -%}
    (#[A-Za-z0-9-]*[0-9])
{%- endmacro %}

{# A marketplace's order number; no telephone number is as long. #}
{% macro marketplace_number_pattern() -%}
    ([0-9]{14,24})
{%- endmacro %}

{# A tag or an option of a drop-down that holds a recommendation score. #}
{% macro nps_pattern() -%}
    "nps_(10|[0-9])"
{%- endmacro %}
