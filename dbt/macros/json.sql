{#
  JSON kept as text in the raw tables. Paths are JSONPath ('$.a.b'); lists are named by the path of their elements
  ('$[*].price'). DuckDB's names stay in this file.
#}

{% macro json_text(column, path) -%}
    nullif(json_extract_string({{ column }}, '{{ path }}'), '')
{%- endmacro %}

{% macro json_list_length(column) -%}
    coalesce(json_array_length({{ column }}), 0)
{%- endmacro %}

{# A FROM item beside the table: one row per element of a list, `item` (JSON text) and `position` from 1.
   A row whose list is empty or absent yields none. #}
{% macro json_items(column, alias='items') -%}
    lateral (
        select
            unnest(from_json({{ column }}, '["json"]')) as item,
            generate_subscripts(from_json({{ column }}, '["json"]'), 1) as position
    ) as {{ alias }}
{%- endmacro %}

{# A column that should hold JSON; NULL where it does not, since reading a malformed text is an error. #}
{% macro to_json_text(column) -%}
    case when json_valid({{ column }}) then {{ column }} end
{%- endmacro %}

{# Sum of the decimals found at a path with `[*]`; 0 for none, NULL when one of them is not a number. #}
{% macro json_sum(column, path) -%}
    {%- set amounts -%}
        try_cast(json_extract_string({{ column }}, '{{ path }}') as {{ money_type() }}[])
    {%- endset -%}
    case
        when list_contains(list_transform({{ amounts }}, lambda amount: amount is null), true) then null
        else cast(coalesce(list_sum({{ amounts }}), 0) as {{ money_type() }})
    end
{%- endmacro %}

{# Sum of the products of two numbers of each element of a list; NULL when one of them is missing or not a number. #}
{% macro json_sum_of_products(column, left, right) -%}
    {%- set products -%}
        list_transform(
            from_json({{ column }}, '[{"{{ left }}": "VARCHAR", "{{ right }}": "VARCHAR"}]'),
            lambda element: {{ to_money('element.' ~ left) }} * {{ to_quantity('element.' ~ right) }}
        )
    {%- endset -%}
    case
        when list_contains(list_transform({{ products }}, lambda amount: amount is null), true) then null
        else cast(coalesce(list_sum({{ products }}), 0) as {{ money_type() }})
    end
{%- endmacro %}

{# The whole row as one JSON object, for the quarantine. #}
{% macro json_row(alias) -%}
    cast(to_json({{ alias }}) as varchar)
{%- endmacro %}
