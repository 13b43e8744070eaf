{# The company's reporting currency and time zone, as SQL literals. #}
{% macro reporting_currency() -%}
    '{{ env_var('OMNIHOUSE_CURRENCY', 'CNY') }}'
{%- endmacro %}

{% macro reporting_timezone() -%}
    '{{ env_var('OMNIHOUSE_TIMEZONE', 'Asia/Shanghai') }}'
{%- endmacro %}
