{#
  What staging takes in, a line a table: the one list that ops.conservation counts by and ops.quarantine collects from.

  area, entity: `stg_<area>__<entity>` and `quarantine__<area>__<entity>`, of the raw table `raw_<area>.<entity>`.
  is_raw: false for a quarantine of parts (refunds of an order) or of wholes (an order and its lines), whose raw rows are
      counted in other tables.
  is_staged: false for a raw table whose rows all go to quarantine.
  names_people: true where a key may be made of a person's address or name, so that ops.quarantine shows its keyed hash.
  version_key: the column that one raw row is told by, where staging makes several rows of it.
#}
{% macro staged_tables() %}
    {% do return([
        {'area': 'shopify', 'entity': 'orders'},
        {'area': 'shopify', 'entity': 'refunds', 'is_raw': false},
        {'area': 'shopify', 'entity': 'customers'},
        {'area': 'shopify', 'entity': 'products', 'version_key': 'product_id'},
        {'area': 'shopify', 'entity': 'locations'},
        {'area': 'shopify', 'entity': 'inventory_levels'},
        {'area': 'shopify', 'entity': 'checkouts'},
        {'area': 'shopify', 'entity': 'events'},
        {'area': 'shopify', 'entity': 'transactions'},
        {'area': 'zendesk', 'entity': 'tickets'},
        {'area': 'zendesk', 'entity': 'ticket_metrics'},
        {'area': 'zendesk', 'entity': 'users'},
        {'area': 'zendesk', 'entity': 'satisfaction_ratings'},
        {'area': 'zendesk', 'entity': 'organizations'},
        {'area': 'zendesk', 'entity': 'ticket_metric_events'},
        {'area': 'zendesk', 'entity': 'calls'},
        {'area': 'zendesk', 'entity': 'legs'},
        {'area': 'zendesk', 'entity': 'deleted_tickets'},
        {'area': 'pos', 'entity': 'stores'},
        {'area': 'pos', 'entity': 'members'},
        {'area': 'pos', 'entity': 'receipts'},
        {'area': 'pos', 'entity': 'receipt_lines'},
        {'area': 'events', 'entity': 'events'},
        {'area': 'events', 'entity': 'broken_lines', 'is_staged': false},
        {'area': 'exports', 'entity': 'ad_performance'},
        {'area': 'exports', 'entity': 'fx_rates'},
        {'area': 'exports', 'entity': 'orders'},
        {'area': 'exports', 'entity': 'order_lines'},
        {'area': 'exports', 'entity': 'refunds', 'names_people': true},
        {'area': 'exports', 'entity': 'held_orders', 'is_raw': false},
        {'area': 'exports', 'entity': 'customers', 'names_people': true},
        {'area': 'exports', 'entity': 'touchpoints', 'names_people': true},
        {'area': 'exports', 'entity': 'messages', 'names_people': true},
        {'area': 'exports', 'entity': 'tickets', 'names_people': true},
        {'area': 'exports', 'entity': 'broken_lines', 'is_staged': false},
        {'area': 'orders', 'entity': 'amounts', 'is_raw': false},
    ]) %}
{% endmacro %}

{# Those of staged_tables() that stand for a raw table. #}
{% macro staged_raw_tables() %}
    {% do return(staged_tables() | rejectattr('is_raw', 'defined') | list) %}
{% endmacro %}

{# The FROM item with one row per raw row that staging keeps, and `_versions_seen`. #}
{% macro staged_versions(table) -%}
    {%- if table.is_staged is false -%}
        (select cast(1 as bigint) as _versions_seen where false)
    {%- elif table.version_key -%}
        (
            select max(_versions_seen) as _versions_seen
            from {{ ref('stg_' ~ table.area ~ '__' ~ table.entity) }}
            group by {{ table.version_key }}
        )
    {%- else -%}
        {{ ref('stg_' ~ table.area ~ '__' ~ table.entity) }}
    {%- endif -%}
{%- endmacro %}

{# The loads of dropped exports, by the table they feed. #}
{% macro export_loads() %}
    {% set scopes = [] %}
    {% for table in staged_raw_tables() if table.area == 'exports' and table.is_staged is not false %}
        {% do scopes.append('*.' ~ table.entity) %}
    {% endfor %}
    {% do return(scopes) %}
{% endmacro %}
