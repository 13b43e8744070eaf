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

{#- amount × part ÷ whole, half away from zero. DuckDB divides decimals as floats, which turns a half such as 142.015 into
    less than a half; whole numbers of thousandths divide exactly. -#}
{% macro round_share(amount, part, whole, minor_unit) -%}
{%- set numerator = 'cast(abs(' ~ amount ~ ') * 1000 as hugeint) * cast(abs(' ~ part ~ ') * 1000 as hugeint)' -%}
{%- set denominator = '(cast(abs(' ~ whole ~ ') * 1000 as hugeint) * (1000 // ' ~ minor_units_per_major(minor_unit) ~ '))' -%}
cast(
    sign({{ amount }}) * sign({{ part }}) * sign({{ whole }})
    * ((2 * {{ numerator }} + {{ denominator }}) // (2 * nullif({{ denominator }}, 0)))
    / {{ minor_units_per_major(minor_unit) }} as decimal(18, 3)
)
{%- endmacro %}

{% macro minor_units_per_major(minor_unit) -%}
(case {{ minor_unit }} when 0 then 1 when 3 then 1000 else 100 end)
{%- endmacro %}

{#- The minor unit of the reporting currency, as a scalar subquery for use outside joins. -#}
{% macro reporting_minor_unit() -%}
coalesce((select minor_unit from {{ ref('currencies') }} where currency = {{ reporting_currency() }}), 2)
{%- endmacro %}

{# Whether an order is a purchase: given back in full it was none; a free order was one. #}
{% macro is_purchase(due_amount, net_amount) -%}
({{ due_amount }} = 0 or {{ net_amount }} > 0)
{%- endmacro %}
