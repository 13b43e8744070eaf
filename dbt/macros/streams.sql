{#
  The rows of a table by source system, stream and business date, from the first day that is compared: how many there are, the
  sum that they carry, and how many lack what they should name.
#}
{% macro counted_by_day(table, stream, business_date, lacking, amount='cast(null as decimal(18, 3))', source_system='source_system', only=none) -%}
    select
        rows_of_stream.{{ source_system }} as source_system,
        {{ stream }} as stream,
        {{ business_date }} as business_date,
        count(*) as rows_counted,
        sum({{ amount }}) as amount,
        count(*) filter (where {{ lacking }}) as rows_without
    from {{ table }} as rows_of_stream
    cross join clock
    where {{ business_date }} >= clock.first_date{{ ' and ' ~ only if only }}
    group by all
{%- endmacro %}

{# An instant of the days that are compared; said of the instant itself, so that blocks of other months are not read. #}
{% macro is_compared(instant) -%}
    {{ instant }} >= clock.first_instant
{%- endmacro %}
