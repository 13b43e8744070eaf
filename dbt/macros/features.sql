{#
  Customer features: windows of days that end with the as-of date, and when they change without any record.
#}

{#- Whether an order lies in the last so many days, the as-of date included. -#}
{% macro in_window(days) -%}
(reporting_date > as_of_date - {{ days }} and reporting_date <= as_of_date)
{%- endmacro %}

{#- An order changes the windows on its own day and 30, 90 and 365 days later: the last of these days that has come. -#}
{% macro last_window_change() -%}
case
    {%- for days in [365, 90, 30, 0] %}
    when reporting_date + {{ days }} <= as_of_date then reporting_date + {{ days }}
    {%- endfor %}
end
{%- endmacro %}

{#- And the first of them that has not. -#}
{% macro next_window_change() -%}
case
    {%- for days in [0, 30, 90, 365] %}
    when reporting_date + {{ days }} > as_of_date then reporting_date + {{ days }}
    {%- endfor %}
end
{%- endmacro %}

{#- Whose windows are not those of tonight's as-of date: it moved on, or back. -#}
{% macro windows_moved() -%}
built._stands_until <= (select as_of_date from {{ source('ops', 'run_parameters') }})
or built._stands_from > (select as_of_date from {{ source('ops', 'run_parameters') }})
{%- endmacro %}

{#- NULL without a whole. -#}
{% macro share_of(part, whole) -%}
cast(coalesce({{ part }}, 0) / nullif({{ whole }}, 0) as decimal(9, 6))
{%- endmacro %}
