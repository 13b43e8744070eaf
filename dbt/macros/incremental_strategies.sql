{#
  Two incremental strategies beside delete+insert, which cannot remove a key that has no rows any more.

  replace_children: the rows of every parent that changed are replaced, also by none. The model's config names the parent,
      meta={'loads': [...], 'parent': 'stg_shopify__orders', 'parent_key': 'order_id'}
  and its SQL selects the rows of the parents for which is_changed() holds.

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

{% macro get_incremental_rewrite_sql(arg_dict) %}
    {% set target_relation = arg_dict['target_relation'] %}
    {% set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') %}
    delete from {{ target_relation }};
    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{% endmacro %}
