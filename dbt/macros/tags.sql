{#
  Tags: a set of them is two numbers of 63 bits each, a bit for each tag, which is the tag's for ever. The rules are read before
  a run, and stand in ops.tag_rules as SQL.
#}

{#- Asks for the rules that count tonight: place, condition and value as SQL. -#}
{% macro tag_rules_in_force() -%}
select place, condition_sql, value_sql from {{ source('ops', 'tag_rules') }} where is_in_force order by place
{%- endmacro %}

{#- One of the two numbers of a set: the bits of all rules whose condition is true. `half`: 0 or 1. -#}
{% macro tags_of_half(rules, half) -%}
cast(
    0
    {%- for rule in rules if (rule[0] | int) // 63 == half %}
    + case when {{ rule[1] }} then {{ 2 ** ((rule[0] | int) % 63) }} else 0 end
    {%- endfor %}
    as bigint
)
{%- endmacro %}

{#- What the rules' values are, for the fingerprint. -#}
{% macro values_of_tags(rules) -%}
hash(0
{%- for rule in rules if rule[2] -%}
, {{ rule[2] }}
{%- endfor -%}
)
{%- endmacro %}

{#- The value of a tag, by the place of its rule. -#}
{% macro value_of_tag(rules) -%}
case place
    when -1 then ''
    {%- for rule in rules if rule[2] %}
    when {{ rule[0] }} then cast({{ rule[2] }} as varchar)
    {%- endfor %}
end
{%- endmacro %}

{#- Whether a set holds the tag of a place. -#}
{% macro has_tag_at(low, high, place) -%}
((case when {{ place }} < 63 then {{ low }} else {{ high }} end >> ({{ place }} % 63)) & 1) = 1
{%- endmacro %}

{#- How many tags of a set have a place before this one. -#}
{% macro tags_before_place(low, high, place) -%}
case
    when {{ place }} < 63
        then bit_count({{ low }} & ((cast(1 as bigint) << ({{ place }} % 63)) - 1))
    else bit_count({{ low }}) + bit_count({{ high }} & ((cast(1 as bigint) << ({{ place }} % 63)) - 1))
end
{%- endmacro %}

{#- Whose tags are not as they should be, told by the first of each person's: all of them are deleted. -#}
{% macro delete_other_tags() -%}
{%- if is_incremental() -%}
delete from {{ this }}
where customer_id in (
    select built.customer_id
    from {{ this }} as built
    left join {{ ref('int_customers__tag_sets') }} as sets
        on built.customer_id = sets.customer_id and built._fingerprint = sets._fingerprint
    where built._is_first and sets.customer_id is null
)
{%- else -%}
select 1
{%- endif -%}
{%- endmacro %}
