{#- The business date of an instant in the zone that a row names. A time without a zone is UTC, the session's zone. A zone that is
    the same for all rows is looked up once, another one for each row, at ten times the cost: so most rows are spared that. -#}
{% macro local_date(instant, zone) -%}
case
    when {{ zone }} = {{ reporting_timezone() }} then {{ reporting_date(instant) }}
    else cast(timezone({{ zone }}, cast({{ instant }} as timestamptz)) as date)
end
{%- endmacro %}

{% macro reporting_date(instant) -%}
cast(timezone({{ reporting_timezone() }}, cast({{ instant }} as timestamptz)) as date)
{%- endmacro %}
