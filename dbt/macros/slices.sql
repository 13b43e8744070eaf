{#- A table whose windows and joins would not fit in memory for everybody at once is built slice by slice, each of so many keys:
    within one no row depends on a row of another. The model's own statement builds the first slice, and once more with
    other numbers, in the model's transaction, the others. Only a table that is built whole is: what a night changes is few. -#}

{#- How many slices the model is built in. `keys`: the relation that names all of its keys, a row each; `most`: in a slice. -#}
{% macro slices(keys, most) -%}
    {%- if execute and not is_incremental() -%}
        {%- set found = adapter.get_relation(keys.database, keys.schema, keys.identifier) -%}
        {%- if found -%}
            {%- set rows = run_query('select count(*) from ' ~ found).columns[0].values()[0] | int -%}
            {%- do return([1, (rows / var('keys_of_a_slice', most)) | round(0, 'ceil') | int] | max) -%}
        {%- endif -%}
    {%- endif -%}
    {%- do return(1) -%}
{%- endmacro %}

{#- Whether a row is in the slice that is being built. -#}
{% macro in_slice(key, slices) -%}
    {%- if slices > 1 -%} hash({{ key }}) % {{ slices }} = /* slice */ 0 {%- else -%} true {%- endif -%}
{%- endmacro %}

{#- After the first slice: the others, of a model whose statement asks `in_slice`. -#}
{% macro build_other_slices() -%}
    {%- set told = modules.re.search('% (\d+) = /\* slice \*/', compiled_code) if execute else none -%}
    {%- for slice in range(1, told.group(1) | int if told else 1) %}
insert into {{ this }} by name (
{{ compiled_code | replace('/* slice */ 0', '/* slice */ ' ~ slice) }}
);
    {%- else -%}
select 1
    {%- endfor -%}
{%- endmacro %}
