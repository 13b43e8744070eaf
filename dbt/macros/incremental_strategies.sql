{#
  Three incremental strategies beside delete+insert, which cannot remove a key that has no rows any more.

  replace_children: the rows of every parent that changed are replaced, also by none. The model's config names the parent,
      meta={'loads': [...], 'parent': 'stg_shopify__orders', 'parent_key': 'order_id'}
  and its SQL selects the rows of the parents for which is_changed() holds.

  replace_gone: the new rows of part 'gone' name records, or values, whose rows they replace, or nothing: then all rows
      go. Overrides and the model are replaced always.

  rewrite: the model's SQL yields the whole table, from its own rows (`this`) and the new ones; for small tables.
#}
{% macro get_incremental_replace_children_sql(arg_dict) %}
    {% set target_relation = arg_dict['target_relation'] %}
    {% set meta = config.get('meta') %}
    {% set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') %}
    delete from {{ target_relation }}
    where {{ meta['parent_key'] }} in (
        select {{ meta['parent_key'] }} from {{ ref(meta['parent']) }} where {{ is_changed() }}
    );
    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{% endmacro %}

{% macro get_incremental_replace_gone_sql(arg_dict) %}
    {% set target_relation = arg_dict['target_relation'] %}
    {% set temp_relation = arg_dict['temp_relation'] %}
    {% set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') %}
    delete from {{ target_relation }}
    where part in ('override', 'model') or exists (
        select 1 from {{ temp_relation }} where part = 'gone' and record_key is null and type is null
    );
    delete from {{ target_relation }}
    where record_key in (
        select record_key from {{ temp_relation }} where part = 'gone' and record_key is not null
    );
    delete from {{ target_relation }}
    where record_key is null and (type, value) in (
        select (type, value) from {{ temp_relation }} where part = 'gone' and record_key is null
    );
    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }} from {{ temp_relation }} where part <> 'gone';
{% endmacro %}

{% macro get_incremental_rewrite_sql(arg_dict) %}
    {% set target_relation = arg_dict['target_relation'] %}
    {% set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') %}
    delete from {{ target_relation }};
    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{% endmacro %}
