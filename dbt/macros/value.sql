{#- Predictions are made as of the last month's end that is complete, for everyone. -#}
{% macro value_as_of(as_of_date) -%}
cast(date_trunc('month', {{ as_of_date }} + 1) as date) - 1
{%- endmacro %}

{#- A time span between two days, in the unit that value_config.csv names. Weeks have two decimals. -#}
{% macro in_value_unit(days, unit) -%}
cast(case {{ unit }} when 'weeks' then round(({{ days }}) / 7.0, 2) else {{ days }} end as decimal(9, 2))
{%- endmacro %}
