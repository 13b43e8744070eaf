{#
  What lies in the future as of tonight's logical clock. A clock that is a few minutes ahead is usual, and its rows are
  taken in as they are; whatever lies further ahead waits in quarantine under the rule occurred_in_the_future, is judged
  again each night, and is taken in once its time has come.
#}

{% macro is_in_the_future(column) -%}
    {{ column }} > (select as_of from {{ source('ops', 'run_parameters') }}) + interval '10 minutes'
{%- endmacro %}

{# The rows to judge, those from the future with their rule. #}
{% macro judged_by_the_as_of(rows, column) -%}
    select
        * exclude (_broken_rule),
        coalesce(
            _broken_rule,
            case when {{ is_in_the_future(column) }} then 'occurred_in_the_future' end
        ) as _broken_rule
    from {{ rows }}
{%- endmacro %}

{# Loads of an export with rows that waited for their time when last night ended; for a model that reads the base model and
   is built before the quarantine moves on. #}
{% macro loads_waiting_for_their_time(entity) %}
    {% if not (execute and is_incremental()) %}
        {% do return([]) %}
    {% endif %}
    {% set quarantine = adapter.get_relation(this.database, 'quarantine', 'quarantine__exports__' ~ entity) %}
    {% if not quarantine %}
        {% do return([]) %}
    {% endif %}
    {% do return(run_query(
        "select distinct load_id from " ~ quarantine ~ " where rule = 'occurred_in_the_future' order by load_id"
    ).columns[0].values() | list) %}
{% endmacro %}
