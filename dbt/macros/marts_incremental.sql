{#- Incremental facts restate by key. Each such model has a model of current states: one row per key with a `_fingerprint`
    over the content of its source rows and over everything derived that may still change: the customer, the exchange rate,
    refunds, a rule. It never looks at event time, so a late row counts like any other. A key whose fingerprint moved, or that
    is gone, is deleted in the model's own transaction; the model then builds every key it lacks. A withdrawn load, a merge or
    a changed rule so restates exactly the rows it touches, and the table after many nights equals a full build. -#}

{% macro fingerprint(columns) -%}
hash({{ columns | join(', ') }})
{%- endmacro %}

{#- Order-independent fingerprint of a group's rows. The hash of several columns takes the last one in by an exclusive or, which
    would cancel out where two rows change it alike; hashed once more it does not. -#}
{% macro group_fingerprint(columns) -%}
bit_xor(hash(hash({{ columns | join(', ') }})))
{%- endmacro %}

{#- `key`: a column, or a list of them. -#}
{% macro same_key(left, right, key) -%}
{%- for column in ([key] if key is string else key) -%}
{{ left }}.{{ column }} = {{ right }}.{{ column }}{{ ' and ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}

{#- `moved`: a condition on what is `built` by which it is built anew though its fingerprint stands. -#}
{% macro delete_restated(states, key, moved=none) -%}
{%- if is_incremental() -%}
delete from {{ this }} as built
where not exists (
    select 1
    from {{ states }} as states
    where {{ same_key('states', 'built', key) }}
      and states._fingerprint = built._fingerprint
)
{%- if moved %}
or {{ moved }}
{%- endif %}
{%- else -%}
select 1
{%- endif -%}
{%- endmacro %}

{#- The keys this model still lacks: all of them on a full build. `among`: a condition that one of the rows of each key it has
    is known by. -#}
{% macro missing_keys(states, key, among=none) -%}
select states.*
from {{ states }} as states
{%- if is_incremental() %}
anti join {{ this }} as built on {{ same_key('built', 'states', key) }}{{ ' and ' ~ among if among }}
{%- endif %}
{%- endmacro %}
