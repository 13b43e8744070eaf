{#
  Incremental by load. A model that reads loads names them in its config,

      config(materialized='incremental', unique_key='order_id', meta={'loads': ['shopify.orders']})

  as `<source_system>.<source_table>`; `shopify` alone is every table of that source, `*.ad_performance` that table of any
  source, `*` every load. The ledger staging._processed_loads says which loads the model has taken in; its lines are
  written inside the model's own transaction, so a load is never skipped and never taken in twice.
#}

{% macro load_ledger() -%}
    staging._processed_loads
{%- endmacro %}

{# Named without source(): a dependency of every model on the loads' ledger would only clutter the graph. #}
{% macro loads_table() -%}
    ops.loads
{%- endmacro %}

{% macro create_load_ledger() %}
    create schema if not exists staging;
    create table if not exists {{ load_ledger() }} (
        model varchar,
        source_system varchar,
        source_table varchar,
        load_id varchar,
        processed_at timestamp with time zone
    );
{% endmacro %}

{# A column of what the ledgers say of a model's own loads and of those of the models before it. None of that moves while the
   model is compiled and run, and the macros below ask a dozen times; so each question is put once a model. #}
{% macro asked_of_ledger(query) %}
    {% set answers = graph.setdefault('omnihouse_ledger', {}).setdefault(model.unique_id, {}) %}
    {% if query not in answers %}
        {% do answers.update({query: run_query(query).columns[0].values() | list}) %}
    {% endif %}
    {% do return(answers[query]) %}
{% endmacro %}

{# The condition on ops.loads that picks the loads a model reads. #}
{% macro loads_in_scope(scopes) -%}
    (
    {%- for scope in scopes %}
        {%- set parts = scope.split('.') %}
        {%- set conditions = [] %}
        {%- if parts[0] != '*' %}{% do conditions.append("loads.source_system = '" ~ parts[0] ~ "'") %}{% endif %}
        {%- if parts | length > 1 %}{% do conditions.append("loads.source_table = '" ~ parts[1] ~ "'") %}{% endif %}
        {{- ' or ' if not loop.first }}({{ conditions | join(' and ') or 'true' }})
    {%- endfor -%}
    )
{%- endmacro %}

{% macro model_loads(node=none) %}
    {% do return((node or model).config.get('meta', {}).get('loads', [])) %}
{% endmacro %}

{# Admitted loads in a model's scope that its ledger does not hold: the ids, fetched when the model is compiled.
   They are written into the SQL as literals because DuckDB skips Parquet row groups for a literal list only. #}
{% macro pending_load_ids(model_name=none, scopes=none) %}
    {% do return(asked_of_ledger(
        "select distinct loads.load_id from " ~ loads_table() ~ " as loads"
        ~ " where loads.admitted and " ~ loads_in_scope(scopes or model_loads())
        ~ " and not exists (select 1 from " ~ load_ledger() ~ " as ledger"
        ~ " where ledger.model = '" ~ (model_name or model.name) ~ "'"
        ~ " and ledger.source_system = loads.source_system and ledger.source_table = loads.source_table"
        ~ " and ledger.load_id = loads.load_id)"
        ~ " order by loads.load_id"
    )) %}
{% endmacro %}

{# The bound says nothing new, but DuckDB hands it on to what is joined by the same column, as it does no list. #}
{% macro in_load_ids(column, load_ids) -%}
    {%- if load_ids -%}
        ({{ column }} >= '{{ (load_ids | sort(case_sensitive=true))[0] }}' and {{ column }} in ('{{ load_ids | join("', '") }}'))
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# For models over raw rows: true for the rows of loads the model has not taken in. #}
{% macro in_pending_loads(column='_load_id') -%}
    {%- if execute and is_incremental() -%}
        {{ in_load_ids(column, pending_load_ids()) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# For models over staged rows: true for the rows that staging wrote or changed since the model last ran, also those whose
   version came with an older load (mended rows, rows that became stale). #}
{% macro is_changed(alias=none) -%}
    {{ in_pending_loads((alias ~ '.' if alias else '') ~ '_staged_load_id') }}
{%- endmacro %}

{# For children that are read again from the raw rows of their changed parents: the loads those rows came with. #}
{% macro in_loads_of_changed(parent, column='_load_id') -%}
    {%- if execute and is_incremental() -%}
        {%- set rows = run_query("select distinct _load_id from " ~ parent ~ " where " ~ is_changed() ~ " order by 1") -%}
        {{ in_load_ids(column, rows.columns[0].values() | list) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# Post-hook of every model: after a run each admitted load in scope is taken in, by increment or by rebuild. #}
{% macro record_processed_loads() %}
    {% set scopes = model_loads() %}
    {% if scopes and model.config.materialized == 'incremental' %}
        delete from {{ load_ledger() }} as ledger
        where
            ledger.model = '{{ model.name }}'
            and not exists (
                select 1
                from {{ loads_table() }} as loads
                where
                    loads.admitted
                    and loads.load_id = ledger.load_id
                    and loads.source_system = ledger.source_system
                    and loads.source_table = ledger.source_table
            );
        insert into {{ load_ledger() }}
        select distinct
            '{{ model.name }}',
            loads.source_system,
            loads.source_table,
            loads.load_id,
            current_timestamp
        from {{ loads_table() }} as loads
        where
            loads.admitted
            and {{ loads_in_scope(scopes) }}
            and not exists (
                select 1
                from {{ load_ledger() }} as ledger
                where
                    ledger.model = '{{ model.name }}'
                    and ledger.load_id = loads.load_id
                    and ledger.source_system = loads.source_system
                    and ledger.source_table = loads.source_table
            );
    {% endif %}
{% endmacro %}

{# dbt's own macro, with two more reasons to rebuild. A load that the model has taken in was withdrawn since, so rows have to
   leave and older versions have to come back. Or a load is new that is older than one taken in, and the model says
   (meta: {in_load_order: true}) that it has to see loads in their order. #}
{% macro should_full_refresh() %}
    {% set asked = config.get('full_refresh') %}
    {% if asked is none %}
        {% set asked = flags.FULL_REFRESH %}
    {% endif %}
    {% if asked or not execute or not model_loads() or model.config.materialized != 'incremental' %}
        {% do return(asked) %}
    {% endif %}
    {% set taken_in = "from " ~ load_ledger() ~ " as ledger where ledger.model = '" ~ model.name ~ "'" %}
    {% set found = asked_of_ledger(
        "select count(*) " ~ taken_in
        ~ " and not exists (select 1 from " ~ loads_table() ~ " as loads where loads.admitted"
        ~ " and loads.load_id = ledger.load_id and loads.source_system = ledger.source_system"
        ~ " and loads.source_table = ledger.source_table)"
    )[0] %}
    {% if not found and config.get('meta', {}).get('in_load_order') %}
        {% set pending = pending_load_ids() %}
        {% set newest = asked_of_ledger("select max(ledger.load_id) " ~ taken_in)[0] %}
        {% do return((pending and newest and pending[0] < newest) or false) %}
    {% endif %}
    {% do return(found > 0) %}
{% endmacro %}
