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
            {{ bookkeeping | join(',\n            ') }},
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
            {% for column in bookkeeping %}rows_read.{{ column }},
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
            {{ bookkeeping | join(',\n            ') }},
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

    -- Of each item the last row in a load counts. All this is asked of the keys alone: whole rows would all be held in
    -- memory.
    last_rows as (
        select
            _group_key,
            _load_id,
            _item_key,
            max(_row_number * 2 + case when is_new then 0 else 1 end) as place,
            arg_max(_broken_rule is not null, _row_number * 2 + case when is_new then 0 else 1 end) as is_broken,
            bool_and(is_numbered) as is_numbered,
            bool_or(is_new) as is_new,
            sum(versions_before) as versions_before,
            count(*) filter (where is_new) as versions_new
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

    -- Loads by their place in time: a number is compared and held more cheaply than a name.
    known_loads as (
        select distinct _load_id from last_rows
    ),

    loads as (
        select
            known_loads._load_id,
            row_number() over (order by known_loads._load_id) as load_number,
            torn_loads._load_id is not null as is_torn
        from known_loads
        left join torn_loads on known_loads._load_id = torn_loads._load_id
    ),

    numbered_rows as (
        select
            last_rows._group_key,
            last_rows._item_key,
            last_rows.place,
            last_rows.is_broken,
            last_rows.is_numbered,
            last_rows.is_new,
            last_rows.versions_before,
            last_rows.versions_new,
            loads.load_number,
            loads.is_torn
        from last_rows
        inner join loads on last_rows._load_id = loads._load_id
    ),

    group_spans as (
        select
            _group_key,
            max(load_number) as last_load,
            min(load_number) = max(load_number) and not bool_or(is_broken) as is_plain
        from numbered_rows
        group by _group_key
    ),

    -- Nearly all groups came whole in one load, and nothing has to be found out about them.
    doubtful_rows as (
        select numbered_rows.*
        from numbered_rows
        inner join group_spans on numbered_rows._group_key = group_spans._group_key
        where not group_spans.is_plain
    ),

    counted_loads as (
        select
            _group_key,
            load_number,
            bool_and(is_numbered) as is_load_numbered,
            count(*) as items,
            bool_or(is_new and is_torn) as is_torn
        from doubtful_rows
        group by _group_key, load_number
    ),

    -- A load out of a whole file, or with numbers, says anew how many items its group has.
    load_spans as (
        select
            *,
            count(*) filter (where is_load_numbered or not is_torn) over (
                partition by _group_key
                order by load_number
            ) as span
        from counted_loads
    ),

    group_loads as (
        select
            _group_key,
            load_number,
            is_load_numbered,
            is_torn
            and not is_load_numbered
            and coalesce(
                items < max(items) over (
                    partition by _group_key, span
                    order by load_number
                    rows between unbounded preceding and 1 preceding
                ),
                false
            ) as is_short
        from load_spans
    ),

    item_versions as (
        select
            doubtful_rows._group_key,
            doubtful_rows.load_number,
            doubtful_rows._item_key,
            doubtful_rows.place,
            doubtful_rows.is_broken or group_loads.is_short as is_broken,
            group_loads.is_load_numbered
        from doubtful_rows
        inner join group_loads
            on doubtful_rows._group_key = group_loads._group_key and doubtful_rows.load_number = group_loads.load_number
    ),

    broken_items as (
        select * from item_versions
        where is_broken
    ),

    -- From which load on an item is broken, and from which on it is mended.
    mended_items as (
        select
            broken_items._group_key,
            broken_items.load_number,
            broken_items._item_key,
            min(later.load_number) as until_load
        from broken_items
        inner join item_versions as later
            on broken_items._group_key = later._group_key and broken_items.load_number < later.load_number
        where
            not broken_items.is_load_numbered
            or not later.is_load_numbered
            or broken_items._item_key = later._item_key
        group by broken_items._group_key, broken_items.load_number, broken_items._item_key
    ),

    broken_spans as (
        select
            broken_items._group_key,
            broken_items.load_number as from_load,
            mended_items.until_load
        from broken_items
        left join mended_items
            on
                broken_items._group_key = mended_items._group_key
                and broken_items.load_number = mended_items.load_number
                and broken_items._item_key = mended_items._item_key
    ),

    settled_loads as (
        select
            _group_key,
            max(load_number) as settled_load
        from group_loads
        where not exists (
            select 1
            from broken_spans
            where
                broken_spans._group_key = group_loads._group_key
                and broken_spans.from_load <= group_loads.load_number
                and (broken_spans.until_load is null or broken_spans.until_load > group_loads.load_number)
        )
        group by _group_key
    ),

    last_unnumbered as (
        select
            group_loads._group_key,
            max(group_loads.load_number) as load_number
        from group_loads
        inner join settled_loads on group_loads._group_key = settled_loads._group_key
        where not group_loads.is_load_numbered and group_loads.load_number <= settled_loads.settled_load
        group by group_loads._group_key
    ),

    settled_groups as (
        select
            _group_key,
            settled_load
        from settled_loads
        union all
        select
            _group_key,
            last_load as settled_load
        from group_spans
        where is_plain
    ),

    newest as (
        select
            numbered_rows._group_key,
            numbered_rows._item_key,
            numbered_rows.load_number,
            numbered_rows.place
        from numbered_rows
        inner join group_spans on numbered_rows._group_key = group_spans._group_key
        where group_spans.is_plain
        union all
        select
            item_versions._group_key,
            item_versions._item_key,
            max(item_versions.load_number) as load_number,
            arg_max(item_versions.place, item_versions.load_number) as place
        from item_versions
        inner join settled_loads on item_versions._group_key = settled_loads._group_key
        left join last_unnumbered on item_versions._group_key = last_unnumbered._group_key
        where
            item_versions.load_number <= settled_loads.settled_load
            and (
                last_unnumbered.load_number is null
                or item_versions.load_number > last_unnumbered.load_number
                or (
                    item_versions.load_number = last_unnumbered.load_number
                    and last_unnumbered.load_number = settled_loads.settled_load
                )
            )
        group by item_versions._group_key, item_versions._item_key
    ),

    seen as (
        select
            numbered_rows._group_key,
            settled_groups.settled_load,
            sum(
                numbered_rows.versions_before
                + case when numbered_rows.load_number <= settled_groups.settled_load then numbered_rows.versions_new else 0 end
            ) as versions_seen,
            bool_or(numbered_rows.load_number > settled_groups.settled_load) as is_stale_version
        from numbered_rows
        inner join settled_groups on numbered_rows._group_key = settled_groups._group_key
        group by numbered_rows._group_key, settled_groups.settled_load
    ),

    first_items as (
        select
            _group_key,
            min(_item_key) as item_key,
            count(*) as items
        from newest
        group by _group_key
    ),

    settled_rows as (
        select
            newest._group_key,
            newest._item_key,
            loads._load_id,
            newest.place // 2 as row_number,
            newest.place % 2 = 0 as is_new,
            seen.is_stale_version,
            cast(
                case
                    when newest._item_key = first_items.item_key then 1 + seen.versions_seen - first_items.items
                    else 1
                end as bigint
            ) as versions_seen,
            settled._load_id as settled_load_id
        from newest
        inner join loads on newest.load_number = loads.load_number
        inner join first_items on newest._group_key = first_items._group_key
        inner join seen on newest._group_key = seen._group_key
        inner join loads as settled on seen.settled_load = settled.load_number
    ),

    whole_rows as (
        select
            {{ (columns + bookkeeping) | join(',\n            ') }},
            true as is_new
        from {{ base }}
        where _row_key is not null and {{ of_these_loads }}
        {%- if incremental %}
        union all
        select
            {{ (columns + bookkeeping) | join(',\n            ') }},
            false as is_new
        from {{ this }}
        where _group_key in (select new_rows._group_key from new_rows)
        {%- endif %}
    )

    select
        {% for column in columns %}whole_rows.{{ column }},
        {% endfor -%}
        whole_rows.is_numbered,
        settled_rows.is_stale_version,
        {{ load_order_only() }} as _version_at,
        settled_rows.versions_seen as _versions_seen,
        whole_rows._row_number,
        whole_rows._group_key,
        whole_rows._item_key,
        settled_rows.settled_load_id as _settled_load_id,
        {% if incremental and pending %}'{{ pending[-1] }}'{% else %}whole_rows._load_id{% endif %} as _staged_load_id,
        whole_rows._load_id,
        whole_rows._loaded_at
    from whole_rows
    inner join settled_rows
        on
            whole_rows._group_key = settled_rows._group_key
            and whole_rows._item_key = settled_rows._item_key
            and whole_rows._load_id = settled_rows._load_id
            and whole_rows._row_number = settled_rows.row_number
            and whole_rows.is_new = settled_rows.is_new
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
