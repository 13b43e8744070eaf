{# The 13 weeks that are looked at, as dates and as instants: the newest and the twelve that it is compared with. #}
{% macro weeks_compared() -%}
    select
        as_of_date as last_date,
        as_of_date - 90 as first_date,
        timezone({{ reporting_timezone() }}, cast(as_of_date + 1 as timestamp)) as end_instant,
        timezone({{ reporting_timezone() }}, cast(as_of_date + 1 as timestamp)) - interval 91 days as first_instant
    from {{ source('ops', 'run_parameters') }}
{%- endmacro %}

{# How many whole weeks before the last complete day a date lies; 0 are the seven days up to it. #}
{% macro weeks_before(date) -%}
    (clock.last_date - {{ date }}) // 7
{%- endmacro %}

{# The same of an instant; weeks of 168 hours, as the calendar of a zone costs ten times as much a row. #}
{% macro weeks_before_end(instant) -%}
    (epoch_ms(clock.end_instant) - epoch_ms({{ instant }})) // 604800000
{%- endmacro %}

{% macro is_of_dates(date) -%}
    {{ date }} between clock.first_date and clock.last_date
{%- endmacro %}

{# Said of the instant itself, so that blocks of other months are not read. #}
{% macro is_of_instants(instant) -%}
    {{ instant }} >= clock.first_instant and {{ instant }} < clock.end_instant
{%- endmacro %}

{#
  The one scan of a table: its rows by source system, week and the values of a few columns, and how many are filled.
  `by` are columns of few values and never personal ones: what moved among them is published by its name.
#}
{% macro counted_by_week(table, weeks_back, only, by=[], filled=[], source_system='source_system') -%}
    select
        rows_of_table.{{ source_system }} as source_system,
        {{ weeks_back }} as weeks_back,
        {%- for column in by %}
        rows_of_table.{{ column }},
        {%- endfor %}
        {%- for column in filled %}
        count(rows_of_table.{{ column }}) as {{ column }}_filled,
        {%- endfor %}
        count(*) as rows_counted
    from {{ table }} as rows_of_table
    cross join clock
    where {{ only }}
    group by all
{%- endmacro %}

{# The values that columns of a counted table take, a row each. #}
{% macro categories_by_week(counted, table, columns) -%}
{%- for column in columns -%}
    {% if not loop.first %}union all
    {% endif %}select
        source_system,
        '{{ table }}.{{ column }}' as subject,
        weeks_back,
        coalesce({{ column }}, '(none)') as category,
        sum(rows_counted) as rows_counted
    from {{ counted }}
    group by all
    {% endfor %}
{%- endmacro %}

{# How many rows of a counted table fill its columns. #}
{% macro filled_by_week(counted, table, columns) -%}
{%- for column in columns -%}
    {% if not loop.first %}union all
    {% endif %}select
        source_system,
        '{{ table }}.{{ column }}' as subject,
        'share_empty' as measure,
        weeks_back,
        sum(rows_counted) as rows_counted,
        sum(rows_counted - {{ column }}_filled) as part,
        sum(rows_counted) as whole
    from {{ counted }}
    group by all
    {% endfor %}
{%- endmacro %}

{# How many different values the filled rows of a column have. #}
{% macro distinct_by_week(table, column, weeks_back, only) -%}
    select
        rows_of_table.source_system,
        '{{ 'people' if 'records' in table else table }}.{{ column }}' as subject,
        'share_distinct' as measure,
        {{ weeks_back }} as weeks_back,
        count(*) as rows_counted,
        count(distinct rows_of_table.{{ column }}) as part,
        count(*) as whole
    from {{ table }} as rows_of_table
    cross join clock
    where {{ only }} and rows_of_table.{{ column }} is not null
    group by all
{%- endmacro %}
