{#
  How tables, views and increments are built: dbt-duckdb's own ways with fewer steps, for the models of this project, which
  have no index, grant, foreign key or contract.

  A table or view is replaced within its transaction instead of being built under another name, and renamed twice; readers
  see the old one until the commit either way. An increment's columns are compared with the table's in one query instead
  of four. What a Python model returns is written under another name first, which is dbt's way of running it.
#}
{% macro replace_relation(existing, kind) %}
    {% set target = this.incorporate(type=kind) %}
    {{ run_hooks(pre_hooks) }}
    {% if existing is not none and existing.type != kind %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% call statement('main') %}
        create or replace {{ kind }} {{ target }} as (
            {{ compiled_code }}
        );
    {% endcall %}
    {% do return(target) %}
{% endmacro %}

{% macro put_in_place(built, target) %}
    {% call statement('put_in_place') %}
        drop table if exists {{ target }};
        alter table {{ built }} rename to {{ adapter.quote(target.identifier) }};
    {% endcall %}
{% endmacro %}

{% macro end_of_build(target) %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {% do return({'relations': [target]}) %}
{% endmacro %}

{# The columns of an increment, which have to be the table's: with others the table would have to be built anew. #}
{% macro columns_in_common(increment, target) %}
    {% set found = run_query(
        "select column_name, column_type, count(*) over (partition by column_name, column_type) as relations, relation from ("
        ~ "select *, 'increment' as relation from (describe " ~ increment ~ ") union all by name "
        ~ "select *, 'table' as relation from (describe " ~ target ~ "))"
    ).rows %}
    {% set columns, others = [], [] %}
    {% for name, type, relations, relation in found %}
        {% if relations != 2 %}{% do others.append(name ~ ' ' ~ type ~ ' of the ' ~ relation) %}{% endif %}
        {% if relation == 'increment' %}{% do columns.append(api.Column(name, type)) %}{% endif %}
    {% endfor %}
    {% if others %}
        {% do exceptions.raise_compiler_error(
            'The increment of ' ~ target ~ ' has other columns than the table: ' ~ others | join(', ')
            ~ '. Build the table anew: make rebuild.'
        ) %}
    {% endif %}
    {% do return(columns) %}
{% endmacro %}

{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {% if model['language'] == 'sql' %}
        {% do return(end_of_build(replace_relation(load_cached_relation(this), 'table'))) %}
    {% endif %}
    {% set target = this.incorporate(type='table') %}
    {% set built = make_intermediate_relation(target) %}
    {% do drop_relation_if_exists(load_cached_relation(built)) %}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main', language='python') %}
        {{- create_table_as(false, built, compiled_code, 'python') -}}
    {% endcall %}
    {% do put_in_place(built, target) %}
    {% do return(end_of_build(target)) %}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {% do return(end_of_build(replace_relation(load_cached_relation(this), 'view'))) %}
{% endmaterialization %}

{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {% set language = model['language'] %}
    {% set existing = load_cached_relation(this) %}
    {% set is_new = existing is none or existing.type != 'table' or should_full_refresh() %}
    {% if is_new and language == 'sql' %}
        {% do return(end_of_build(replace_relation(existing, 'table'))) %}
    {% endif %}
    {% set target = this.incorporate(type='table') %}
    {% set increment = make_temp_relation(target) if language == 'sql' else make_intermediate_relation(target) %}
    {% if language == 'python' %}{% do drop_relation_if_exists(load_cached_relation(increment)) %}{% endif %}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main' if is_new else 'increment', language=language) %}
        {{- create_table_as(language == 'sql', increment, compiled_code, language) -}}
    {% endcall %}
    {% if is_new %}
        {% do put_in_place(increment, target) %}
    {% else %}
        {% set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') %}
        {% set sql = strategy({
            'target_relation': target,
            'temp_relation': increment,
            'unique_key': config.get('unique_key'),
            'dest_columns': columns_in_common(increment, target),
            'incremental_predicates': none,
        }) %}
        {% call statement('main') %}
            {{ sql }};
            drop table {{ increment }};
        {% endcall %}
    {% endif %}
    {% do return(end_of_build(target)) %}
{% endmaterialization %}
