{#- Money: amounts are decimals with three places, enough for every minor unit in use (KWD has three, JPY none). -#}

{% macro money(expression) -%}
cast({{ expression }} as decimal(18, 3))
{%- endmacro %}

{#- Half away from zero, to the currency's minor unit. DuckDB rounds decimals that way but wants a literal precision, and
    it would bring the branches to one scale if they were not cast one by one. -#}
{% macro round_money(expression, minor_unit) -%}
case {{ minor_unit }}
    when 0 then {{ money('round(' ~ expression ~ ', 0)') }}
    when 3 then {{ money('round(' ~ expression ~ ', 3)') }}
    else {{ money('round(' ~ expression ~ ', 2)') }}
end
{%- endmacro %}

{% macro minor_units_per_major(minor_unit) -%}
case {{ minor_unit }} when 0 then 1 when 3 then 1000 else 100 end
{%- endmacro %}

{#- The minor unit of the reporting currency, as a scalar subquery for use outside joins. -#}
{% macro reporting_minor_unit() -%}
coalesce((select minor_unit from {{ ref('currencies') }} where currency = {{ reporting_currency() }}), 2)
{%- endmacro %}
