{#- The business date of an instant in a zone. A time without a zone is UTC, the session's zone. -#}
{% macro local_date(instant, zone) -%}
cast(timezone({{ zone }}, cast({{ instant }} as timestamptz)) as date)
{%- endmacro %}

{% macro reporting_date(instant) -%}
{{ local_date(instant, reporting_timezone()) }}
{%- endmacro %}
