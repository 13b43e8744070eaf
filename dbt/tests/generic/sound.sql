{#
  What every row of a table must satisfy by itself, in one test, because each test costs a night about as much as a model:
  no two rows share a key and none of its columns is NULL; columns that are filled; columns with the values they may have, or
  NULL. A finding is one row with the number of rows it is about. Keys are compared only where their hashes are the same, since
  millions of texts take several times the time and memory of as many numbers.
#}
{% test sound(model, keys=[], filled=[], accepted={}) %}
{{ config(fail_calc='coalesce(sum(rows_found), 0)') }}
{%- set never_null = [] %}
{%- for column in keys | sum(start=[]) + filled if column not in never_null %}
    {%- do never_null.append(column) %}
{%- endfor %}
{%- set findings = [] %}
{%- for column in never_null %}
    {%- do findings.append([column ~ ' is NULL', column ~ ' is null']) %}
{%- endfor %}
{%- for column, values in accepted.items() %}
    {%- set listed = [] %}
    {%- for value in values %}
        {%- do listed.append(value | string if value is number or value is boolean else "'" ~ value | replace("'", "''") ~ "'") %}
    {%- endfor %}
    {%- set condition = column ~ ' not in (' ~ listed | join(', ') ~ ')' %}
    {%- do findings.append([column ~ ' is none of its values', condition]) %}
{%- endfor %}
with counted as (
    select
{%- for finding in findings %}
        count(*) filter (where {{ finding[1] }}) as finding_{{ loop.index }},
    {%- endfor %}
        count(*) as rows_counted
    from {{ model }}
),

findings as (
{%- for finding in findings %}
    select
        '{{ finding[0] | replace("'", "''") }}' as finding,
        finding_{{ loop.index }} as rows_found
    from counted
    union all
    {%- endfor %}
{%- for key in keys %}
    select
        'rows share {{ key | join(', ') | replace("'", "''") }}' as finding,
        sum(same) as rows_found
    from (
        select count(*) as same
        from {{ model }}
        where hash({{ key | join(', ') }}) in (
            select hash({{ key | join(', ') }})
            from {{ model }}
            group by all
            having count(*) > 1
        )
        group by {{ key | join(', ') }}
        having count(*) > 1
    )
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- if not keys %}
    select 'nothing' as finding, 0 as rows_found
    {%- endif %}
)

select finding, rows_found
from findings
where rows_found > 0
{% endtest %}
