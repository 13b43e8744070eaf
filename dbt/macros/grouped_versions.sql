{#
  Staging of rows that count together or not at all: the lines of an order. A base model gives, beside the columns named in
  `versions.sql`, `_group_key` (the order), `_item_key` (the line in it) and `is_numbered`: whether the file itself says
  which line it is, or the lines are only counted as they stand.

  - A numbered item replaces the item of its number. Items that are not numbered cannot be told apart from one file to the
    next, so the newest load that holds the group replaces all of them, and what came before a load of such items is gone.
  - A load that brings fewer of such items than one before it did, out of a file with lines that nobody could read or that
    lost their group, may have lost some among these. It counts as broken. A load out of a whole file is believed, however
    few it brings.
  - A group is staged as of the newest load after which none of its items is broken: `_settled_load_id`. All of its rows in
    later loads wait in the quarantine, the good ones under a rule of their own, until a newer load mends it.

  Every row up to the settled load is staged or superseded; those superseded are counted in `_versions_seen` of the group's
  first item. It takes loads in their order; should_full_refresh() sees to that.
#}
{% macro settled_groups(base, columns) -%}
    {%- set incremental = execute and is_incremental() -%}
    {%- set pending = pending_load_ids() if incremental else [] -%}
    {%- set waiting = loads_of_waiting_groups(base, pending) if incremental else [] %}
    {%- set of_these_loads = in_load_ids('_load_id', pending + waiting) if incremental else 'true' %}
    {%- set bookkeeping = ['_group_key', '_item_key', 'is_numbered', '_row_number', '_load_id', '_loaded_at'] -%}
    with new_rows as (
        select
            {{ (columns + bookkeeping) | join(',\n            ') }},
            _broken_rule,
            0 as versions_before,
            true as is_new
        from {{ base }}
        where _row_key is not null and {{ in_pending_loads() }}
    ),

    {% if incremental -%}
    settled_before as (
        select
            _group_key,
            max(_settled_load_id) as load_id
        from {{ this }}
        where _group_key in (select new_rows._group_key from new_rows)
        group by _group_key
    ),

    -- Rows of the same groups that wait since an earlier night.
    waiting_rows as (
        select
            {% for column in columns + bookkeeping %}rows_read.{{ column }},
            {% endfor -%}
            rows_read._broken_rule,
            0 as versions_before,
            true as is_new
        from {{ base }} as rows_read
        left join settled_before on rows_read._group_key = settled_before._group_key
        where
            rows_read._row_key is not null
            and {{ in_load_ids('rows_read._load_id', waiting) }}
            and rows_read._group_key in (select new_rows._group_key from new_rows)
            and (settled_before.load_id is null or rows_read._load_id > settled_before.load_id)
    ),

    staged_rows as (
        select
            {{ (columns + bookkeeping) | join(',\n            ') }},
            cast(null as varchar) as _broken_rule,
            _versions_seen as versions_before,
            false as is_new
        from {{ this }}
        where _group_key in (select new_rows._group_key from new_rows)
    ),

    {% endif -%}
    candidates as (
        select * from new_rows
        {%- if incremental %}
        union all
        select * from waiting_rows
        union all
        select * from staged_rows
        {%- endif %}
    ),

    -- Of each item the last row in a load counts. It is asked of the keys alone: whole rows would all be held in memory.
    last_rows as (
        select
            _group_key,
            _load_id,
            _item_key,
            max(_row_number * 2 + case when is_new then 0 else 1 end) as place,
            arg_max(_broken_rule is not null, _row_number * 2 + case when is_new then 0 else 1 end) as is_broken,
            bool_and(is_numbered) as is_numbered,
            bool_or(is_new) as is_new
        from candidates
        group by _group_key, _load_id, _item_key
    ),

    -- Of files that held lines nobody could read, or goods of no order; a line of totals names no goods.
    torn_loads as (
        select _load_id
        from {{ source('raw_exports', 'broken_lines') }}
        where {{ of_these_loads }}
        union
        select _load_id
        from {{ source('raw_exports', 'order_lines') }}
        where
            {{ to_text('order_id') }} is null
            and coalesce({{ to_text('sku') }}, {{ to_text('product_name') }}) is not null
            and {{ of_these_loads }}
    ),

    counted_loads as (
        select
            last_rows._group_key,
            last_rows._load_id,
            bool_and(last_rows.is_numbered) as is_load_numbered,
            count(*) as items,
            bool_or(last_rows.is_new and torn_loads._load_id is not null) as is_torn
        from last_rows
        left join torn_loads on last_rows._load_id = torn_loads._load_id
        group by last_rows._group_key, last_rows._load_id
    ),

    -- A load out of a whole file, or with numbers, says anew how many items its group has. Only where a torn one came
    -- does that matter, and a window over all groups would hold them all in memory.
    load_spans as (
        select
            *,
            count(*) filter (where is_load_numbered or not is_torn) over (
                partition by _group_key
                order by _load_id
            ) as span
        from counted_loads
        where _group_key in (select torn._group_key from counted_loads as torn where torn.is_torn)
    ),

    short_loads as (
        select
            _group_key,
            _load_id
        from load_spans
        qualify
            is_torn
            and not is_load_numbered
            and items < max(items) over (
                partition by _group_key, span
                order by _load_id
                rows between unbounded preceding and 1 preceding
            )
    ),

    group_loads as (
        select
            counted_loads._group_key,
            counted_loads._load_id,
            counted_loads.is_load_numbered,
            short_loads._load_id is not null as is_short
        from counted_loads
        left join short_loads
            on counted_loads._group_key = short_loads._group_key and counted_loads._load_id = short_loads._load_id
    ),

    item_versions as (
        select
            last_rows._group_key,
            last_rows._load_id,
            last_rows._item_key,
            last_rows.place // 2 as _row_number,
            last_rows.place % 2 = 0 as is_new,
            last_rows.is_broken or group_loads.is_short as is_broken,
            group_loads.is_load_numbered
        from last_rows
        inner join group_loads
            on last_rows._group_key = group_loads._group_key and last_rows._load_id = group_loads._load_id
    ),

    broken_items as (
        select * from item_versions
        where is_broken
    ),

    -- From which load on an item is broken, and from which on it is mended.
    mended_items as (
        select
            broken_items._group_key,
            broken_items._load_id,
            broken_items._item_key,
            min(later._load_id) as until_load_id
        from broken_items
        inner join item_versions as later
            on broken_items._group_key = later._group_key and broken_items._load_id < later._load_id
        where
            not broken_items.is_load_numbered
            or not later.is_load_numbered
            or broken_items._item_key = later._item_key
        group by broken_items._group_key, broken_items._load_id, broken_items._item_key
    ),

    broken_spans as (
        select
            broken_items._group_key,
            broken_items._load_id as from_load_id,
            mended_items.until_load_id
        from broken_items
        left join mended_items
            on
                broken_items._group_key = mended_items._group_key
                and broken_items._load_id = mended_items._load_id
                and broken_items._item_key = mended_items._item_key
    ),

    settled_groups as (
        select
            _group_key,
            max(_load_id) as load_id
        from group_loads
        where not exists (
            select 1
            from broken_spans
            where
                broken_spans._group_key = group_loads._group_key
                and broken_spans.from_load_id <= group_loads._load_id
                and (broken_spans.until_load_id is null or broken_spans.until_load_id > group_loads._load_id)
        )
        group by _group_key
    ),

    last_unnumbered as (
        select
            group_loads._group_key,
            max(group_loads._load_id) as load_id
        from group_loads
        inner join settled_groups on group_loads._group_key = settled_groups._group_key
        where not group_loads.is_load_numbered and group_loads._load_id <= settled_groups.load_id
        group by group_loads._group_key
    ),

    seen as (
        select
            candidates._group_key,
            sum(
                case
                    when not candidates.is_new then candidates.versions_before
                    when candidates._load_id <= settled_groups.load_id then 1
                    else 0
                end
            ) as versions_seen,
            bool_or(candidates._load_id > settled_groups.load_id) as is_stale_version
        from candidates
        inner join settled_groups on candidates._group_key = settled_groups._group_key
        group by candidates._group_key
    ),

    newest as (
        select
            item_versions._group_key,
            item_versions._item_key,
            max(item_versions._load_id) as _load_id,
            arg_max(item_versions._row_number, item_versions._load_id) as _row_number,
            arg_max(item_versions.is_new, item_versions._load_id) as is_new,
            any_value(settled_groups.load_id) as _settled_load_id
        from item_versions
        inner join settled_groups on item_versions._group_key = settled_groups._group_key
        left join last_unnumbered on item_versions._group_key = last_unnumbered._group_key
        where
            item_versions._load_id <= settled_groups.load_id
            and (
                last_unnumbered.load_id is null
                or item_versions._load_id > last_unnumbered.load_id
                or (item_versions._load_id = last_unnumbered.load_id and last_unnumbered.load_id = settled_groups.load_id)
            )
        group by item_versions._group_key, item_versions._item_key
    ),

    first_items as (
        select
            _group_key,
            min(_item_key) as item_key,
            count(*) as items
        from newest
        group by _group_key
    )

    select
        {% for column in columns %}candidates.{{ column }},
        {% endfor -%}
        candidates.is_numbered,
        seen.is_stale_version,
        {{ load_order_only() }} as _version_at,
        cast(
            case when newest._item_key = first_items.item_key then 1 + seen.versions_seen - first_items.items else 1 end
            as bigint
        ) as _versions_seen,
        newest._row_number,
        newest._group_key,
        newest._item_key,
        newest._settled_load_id,
        {% if incremental and pending %}'{{ pending[-1] }}'{% else %}newest._load_id{% endif %} as _staged_load_id,
        newest._load_id,
        candidates._loaded_at
    from candidates
    inner join newest
        on
            candidates._group_key = newest._group_key
            and candidates._item_key = newest._item_key
            and candidates._load_id = newest._load_id
            and candidates._row_number = newest._row_number
            and candidates.is_new = newest.is_new
    inner join first_items on newest._group_key = first_items._group_key
    inner join seen on newest._group_key = seen._group_key
{%- endmacro %}

{# Earlier loads that hold waiting rows of the groups that pending loads bring, or that the quarantine has not taken in. #}
{% macro loads_of_waiting_groups(base, pending) %}
    {% set quarantine = earlier_quarantine() %}
    {% set found = loads_before_the_quarantine() %}
    {% if quarantine and pending %}
        {% set rows = run_query(
            "select distinct load_id from " ~ quarantine ~ " where group_key in (select rows_read._group_key from "
            ~ base ~ " as rows_read where " ~ in_load_ids('rows_read._load_id', pending) ~ ") order by load_id"
        ) %}
        {% set found = found + (rows.columns[0].values() | list) %}
    {% endif %}
    {% do return(found | unique | reject('in', pending) | list) %}
{% endmacro %}

{# The whole quarantine of a table staged by settled_groups(): rows without a key, and rows of loads after the one that
   their group is settled as of. Good rows among them wait under `unmet_rule`. #}
{% macro rows_not_settled(base, staged, unmet_rule) -%}
    with settled_groups as (
        select
            _group_key,
            max(_settled_load_id) as load_id
        from {{ staged }}
        group by _group_key
    ),

    waiting as (
        select
            _row_key as key,
            _group_key as group_key,
            coalesce(_broken_rule, '{{ unmet_rule }}') as rule,
            _raw_row as raw_row,
            version_at,
            _load_id as load_id,
            _file_name as file_name,
            _row_number as row_number,
            _loaded_at
        from {{ base }}
        where {{ in_pending_loads() }}
        {%- if execute and is_incremental() %}
        union all
        select
            key,
            group_key,
            rule,
            raw_row,
            version_at,
            load_id,
            file_name,
            row_number,
            _loaded_at
        from {{ this }}
        {%- endif %}
    ),

    not_settled as (
        select distinct waiting.*
        from waiting
        left join settled_groups on waiting.group_key = settled_groups._group_key
        where waiting.key is null or settled_groups.load_id is null or waiting.load_id > settled_groups.load_id
    )

    select
        key,
        group_key,
        rule,
        replace(rule, '_', ' ') as reason,
        raw_row,
        version_at,
        load_id,
        file_name,
        row_number,
        min(_loaded_at) over (partition by coalesce(key, load_id || '/' || row_number), rule) as first_seen_at,
        max(_loaded_at) over (partition by coalesce(key, load_id || '/' || row_number), rule) as last_seen_at,
        _loaded_at
    from not_settled
{%- endmacro %}
