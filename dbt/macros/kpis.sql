{#
  What every table of key figures has in common. What each figure means stands in models/marts/kpis.md, and from there in the
  tables' comments.
#}

{# No channel, no variant: the figure of the whole company. #}
{% macro all_of_it() -%}
'(all)'
{%- endmacro %}

{# Numerators and denominators hold money as well as credits, which have twelve decimals. #}
{% macro kpi_part(expression) -%}
cast({{ expression }} as decimal(38, 12))
{%- endmacro %}

{# One over the other to six decimals, half away from zero; NULL where there is nothing to divide by. DuckDB divides decimals as
   floats; whole numbers divide exactly. #}
{% macro exact_ratio(numerator, denominator) -%}
{%- set over = 'cast(abs(' ~ numerator ~ ') * 1000000000000 as hugeint)' -%}
{%- set under = 'cast(abs(' ~ denominator ~ ') * 1000000000000 as hugeint)' -%}
cast(
    cast(
        sign({{ numerator }}) * sign({{ denominator }})
        * ((2000000 * {{ over }} + {{ under }}) // nullif(2 * {{ under }}, 0)) as decimal(24, 0)
    ) * cast(0.000001 as decimal(6, 6)) as decimal(24, 6)
)
{%- endmacro %}

{# A figure that is no ratio has no denominator; one whose numerator is unknown has no value. #}
{% macro kpi_value(numerator, denominator, is_ratio) -%}
case
    when {{ is_ratio }} then {{ exact_ratio(numerator, denominator) }}
    else cast({{ numerator }} as decimal(24, 6))
end
{%- endmacro %}

{# A year of a person's, in microseconds. #}
{% macro a_year() -%}
365 * 86400000000
{%- endmacro %}

{# The first month that does not begin before an instant, in the reporting zone. Months are counted from the year 0 on. #}
{% macro month_from(instant) -%}
{%- set local = 'timezone(' ~ reporting_timezone() ~ ', ' ~ instant ~ ')' -%}
({{ month_number(local) }} + case when {{ local }} > date_trunc('month', {{ local }}) then 1 else 0 end)
{%- endmacro %}

{% macro month_number(day) -%}
cast(12 * year({{ day }}) + month({{ day }}) as integer)
{%- endmacro %}

{# The days after a touch in which an order counts as its, in microseconds. #}
{% macro thirty_days() -%}
30 * 86400000000
{%- endmacro %}

{# Figures, one after another: each is its name, the table it is read from, numerator, denominator (none where it is no ratio),
   and which `columns` it fills otherwise than they say; complete unless it says something else. #}
{% macro kpi_figures(columns, figures) -%}
{%- for kpi, table, numerator, denominator, others in figures %}
    select
        '{{ kpi }}' as kpi,
        {%- for column, usual in columns.items() %}
        {%- set expression = others.get(column, usual) %}
        {{ expression ~ ('' if expression == column else ' as ' ~ column) }},
        {%- endfor %}
        {{ kpi_part(numerator) }} as numerator,
        {{ kpi_part(denominator or 'null') }} as denominator,
        {{ 'true' if denominator else 'false' }} as is_ratio,
        {%- set is_complete = others.get('is_complete', 'true') %}
        {{ is_complete ~ ('' if is_complete == 'is_complete' else ' as is_complete') }}
    from {{ table }}
    {{ 'union all' if not loop.last }}
{%- endfor %}
{%- endmacro %}
