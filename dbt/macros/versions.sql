{#
  Sources deliver at least once, so a raw table holds versions of its keys, ordered by (version_at, _load_id, _row_number).
  Of each key, the newest good version is staged. The versions before it are superseded and only counted; those after it
  are broken (or the newest good one would be later) and wait in the quarantine. Hence

      rows read = keys staged + (versions seen - 1 of each key) + rows in quarantine

  A base model gives, beside its columns: `_row_key` (text, NULL when a key column is), `version_at`, `_broken_rule`,
  `_raw_row`, `_file_name`, `_row_number`, `_load_id` and `_loaded_at`.
#}

{# The key as one text; NULL when a part is. The mark between the parts is escaped within them: campaigns contain it. #}
{% macro row_key(columns, alias=none) -%}
    {%- set prefix = alias ~ '.' if alias else '' -%}
    {%- for column in columns -%}
        {%- if columns | length == 1 -%}
        cast({{ prefix }}{{ column }} as varchar)
        {%- else -%}
        replace(cast({{ prefix }}{{ column }} as varchar), '|', '\|'){{ " || '|' || " if not loop.last }}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro is_newer_version(left, right, right_version_at='version_at') -%}
    (
        {{ left }}.version_at > {{ right }}.{{ right_version_at }}
        or (
            {{ left }}.version_at = {{ right }}.{{ right_version_at }}
            and (
                {{ left }}._load_id > {{ right }}._load_id
                or ({{ left }}._load_id = {{ right }}._load_id and {{ left }}._row_number > {{ right }}._row_number)
            )
        )
    )
{%- endmacro %}

{# The quarantine of a staging model as the last run left it; none before its first run. Not a ref(): the quarantine is built
   after the staging model, and here its earlier state is asked for, as with `this`. #}
{% macro earlier_quarantine() %}
    {% if not (execute and is_incremental()) %}
        {% do return(none) %}
    {% endif %}
    {% do return(adapter.get_relation(this.database, 'quarantine', this.identifier | replace('stg_', 'quarantine__', 1))) %}
{% endmacro %}

{# Rows to judge tonight: those of pending loads and, for a rule that looks at other tables, those it holds in quarantine;
   where the passing of time alone may free them, also on a night without a load. #}
{% macro rows_to_judge(base, columns, rechecked_rule=none, by_time=false) -%}
    {%- set quarantine = earlier_quarantine() -%}
    {%- set pending = pending_load_ids() if execute and is_incremental() else [] -%}
    select
        {{ columns | join(',\n        ') }},
        version_at,
        _broken_rule,
        _row_key,
        _row_number,
        _load_id,
        _loaded_at
    from {{ base }} as rows_read
    where
        _row_key is not null
        and {% if execute and is_incremental() and rechecked_rule and quarantine and (pending or by_time) -%}
        {%- set waiting = run_query(
            "select distinct load_id from " ~ quarantine ~ " where rule = '" ~ rechecked_rule ~ "' order by load_id"
        ).columns[0].values() | list -%}
        {{ in_load_ids('_load_id', (pending + waiting) | unique | list) }}
        and (
            {{ in_load_ids('_load_id', pending) }}
            or exists (
                select 1
                from {{ quarantine }} as waiting
                where
                    waiting.rule = '{{ rechecked_rule }}'
                    and waiting.load_id = rows_read._load_id
                    and waiting.row_number = rows_read._row_number
            )
        )
        {%- else -%}
        {{ in_pending_loads() }}
        {%- endif %}
{%- endmacro %}

{# The rows to write to a staging table: the newest good version of each key that `rows` touches, against the rows staged
   before. `rows` is a relation with the columns of rows_to_judge(). A version may span several rows (a product's variants). #}
{% macro newest_versions(rows, base, key, columns) -%}
    {%- set incremental = execute and is_incremental() -%}
    {%- set quarantine = earlier_quarantine() -%}
    {%- set unsettled = loads_before_the_quarantine() if incremental else [] -%}
    {%- set pending = pending_load_ids() if incremental else [] %}
    with good_versions as (
        select
            {{ columns | join(',\n            ') }},
            version_at,
            _row_number,
            _load_id,
            _loaded_at,
            0 as versions_before,
            1 as is_new
        from {{ rows }}
        where _broken_rule is null
        {%- if incremental %}
        union all
        select
            {{ columns | join(',\n            ') }},
            _version_at as version_at,
            _row_number,
            _load_id,
            _loaded_at,
            _versions_seen as versions_before,
            0 as is_new
        from {{ this }} as staged
        where exists (
            select 1
            from {{ rows }} as touched
            where {% for column in key %}touched.{{ column }} = staged.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
        )
        {%- endif %}
    ),

    -- Which version is newest is asked of the keys alone: windows over whole rows would hold all of them in memory.
    ranked as (
        select
            {{ key | join(',\n            ') }},
            version_at,
            _load_id,
            _row_number,
            is_new,
            rank() over (
                partition by {{ key | join(', ') }}
                order by version_at desc, _load_id desc, _row_number desc, is_new
            ) as recency,
            max(versions_before) over (partition by {{ key | join(', ') }}) as versions_counted
        from good_versions
    ),

    newest_keys as (
        select distinct
            {{ key | join(',\n            ') }},
            {{ row_key(key) }} as _row_key,
            version_at,
            _load_id,
            _row_number,
            is_new,
            versions_counted
        from ranked
        where recency = 1
    ),

    other_versions as (
        select _row_key, version_at, _load_id, _row_number from {{ rows }}
        {%- if quarantine %}
        union
        select waiting.key, waiting.version_at, waiting.load_id, waiting.row_number
        from {{ quarantine }} as waiting
        where waiting.key in (select touched._row_key from {{ rows }} as touched)
        {%- endif %}
        {%- if unsettled %}
        union
        select unsettled._row_key, unsettled.version_at, unsettled._load_id, unsettled._row_number
        from {{ base }} as unsettled
        left join {{ this }} as staged
            on {% for column in key %}unsettled.{{ column }} = staged.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
        where
            {{ in_load_ids('unsettled._load_id', unsettled) }}
            and unsettled._row_key in (select touched._row_key from {{ rows }} as touched)
            and (staged._load_id is null or {{ is_newer_version('unsettled', 'staged', '_version_at') }})
        {%- endif %}
    ),

    distinct_versions as (
        select distinct _row_key, version_at, _load_id, _row_number from other_versions
    ),

    tallied as (
        select
            newest_keys._row_key,
            sum(case when {{ is_newer_version('other', 'newest_keys') }} then 0 else 1 end) as versions_taken,
            sum(case when {{ is_newer_version('other', 'newest_keys') }} then 1 else 0 end) as versions_waiting
        from newest_keys
        inner join distinct_versions as other on newest_keys._row_key = other._row_key
        group by newest_keys._row_key
    )

    select
        {% for column in columns %}newest.{{ column }},
        {% endfor -%}
        coalesce(tallied.versions_waiting, 0) > 0 as is_stale_version,
        newest.version_at as _version_at,
        cast(newest_keys.versions_counted + coalesce(tallied.versions_taken, 0) as bigint) as _versions_seen,
        newest._row_number,
        {% if incremental and pending %}'{{ pending[-1] }}'{% else %}newest._load_id{% endif %} as _staged_load_id,
        newest._load_id,
        newest._loaded_at
    from good_versions as newest
    inner join newest_keys
        on
            newest._load_id = newest_keys._load_id
            and newest._row_number = newest_keys._row_number
            and newest.is_new = newest_keys.is_new
            {%- for column in key %}
            and newest.{{ column }} = newest_keys.{{ column }}
            {%- endfor %}
    left join tallied on newest_keys._row_key = tallied._row_key
{%- endmacro %}

{# Loads that a staging model has taken in and its quarantine has not, after a run that broke off between the two. #}
{% macro loads_before_the_quarantine() %}
    {% do return(asked_of_ledger(
        "select distinct staged.load_id from " ~ load_ledger() ~ " as staged where staged.model = '" ~ model.name ~ "'"
        ~ " and not exists (select 1 from " ~ load_ledger() ~ " as settled where settled.model = '"
        ~ (model.name | replace('stg_', 'quarantine__', 1)) ~ "' and settled.source_table = staged.source_table"
        ~ " and settled.source_system = staged.source_system and settled.load_id = staged.load_id) order by staged.load_id"
    )) %}
{% endmacro %}

{# The whole quarantine of a source table: rows that staging did not take, new ones and those waiting from earlier nights,
   as long as no newer version of their key is staged. `unmet_rule` names the rule that looks at other tables and so has no
   place in the base model. #}
{% macro rows_not_staged(base, staged, key, unmet_rule=none) -%}
    with staged_versions as (
        select distinct
            {{ row_key(key) }} as _row_key,
            _version_at as version_at,
            _load_id,
            _row_number
        from {{ staged }}
    ),

    waiting as (
        select
            _row_key,
            {% if unmet_rule %}coalesce(_broken_rule, '{{ unmet_rule }}'){% else %}_broken_rule{% endif %} as rule,
            _raw_row,
            version_at,
            _load_id,
            _file_name,
            _row_number,
            _loaded_at
        from {{ base }}
        where
            {{ in_pending_loads() }}
            {%- if not unmet_rule %}
            and _broken_rule is not null
            {%- endif %}
        {%- if execute and is_incremental() %}
        union all
        select
            key,
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

    not_staged as (
        select distinct waiting.*
        from waiting
        left join staged_versions on waiting._row_key = staged_versions._row_key
        where staged_versions._load_id is null or {{ is_newer_version('waiting', 'staged_versions') }}
    )

    select
        _row_key as key,
        rule,
        replace(rule, '_', ' ') as reason,
        _raw_row as raw_row,
        version_at,
        _load_id as load_id,
        _file_name as file_name,
        _row_number as row_number,
        min(_loaded_at) over (partition by coalesce(_row_key, _load_id || '/' || _row_number), rule) as first_seen_at,
        max(_loaded_at) over (partition by coalesce(_row_key, _load_id || '/' || _row_number), rule) as last_seen_at,
        _loaded_at
    from not_staged
{%- endmacro %}

{# When each load was recorded; one row per load. #}
{% macro load_times() -%}
    select
        load_id,
        max(loaded_at) as _loaded_at
    from {{ loads_table() }}
    group by load_id
{%- endmacro %}

{# The version_at of tables whose rows carry no time of change: the order of the loads alone decides. #}
{% macro load_order_only() -%}
    cast('1970-01-01 00:00:00+00' as timestamp with time zone)
{%- endmacro %}
