-- Grain: one row per raw table.
with raw_counts as (
    {%- for table in staged_raw_tables() %}
    select
        'raw_{{ table.area }}' as raw_schema,
        '{{ table.entity }}' as raw_table,
        count(*) as rows_read
    from {{ source('raw_' ~ table.area, table.entity) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

staged_counts as (
    {%- for table in staged_raw_tables() %}
    select
        'raw_{{ table.area }}' as raw_schema,
        '{{ table.entity }}' as raw_table,
        count(*) as rows_staged,
        coalesce(sum(staged._versions_seen - 1), 0) as rows_superseded
    from {{ staged_versions(table) }} as staged
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

quarantine_counts as (
    {%- for table in staged_raw_tables() %}
    select
        'raw_{{ table.area }}' as raw_schema,
        '{{ table.entity }}' as raw_table,
        count(*) as rows_quarantined
    from {{ ref('quarantine__' ~ table.area ~ '__' ~ table.entity) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- What the loads' ledger says, which counts the lines of a file that could not be read beside the table the file feeds.
landed_counts as (
    {%- for table in staged_raw_tables() %}
    select
        'raw_{{ table.area }}' as raw_schema,
        '{{ table.entity }}' as raw_table,
        {%- if table.entity == 'broken_lines' %}
        coalesce(sum(rows_rejected), 0) as rows_landed
        {%- else %}
        coalesce(sum(rows_landed), 0) as rows_landed
        {%- endif %}
    from {{ source('ops', 'loads') }}
    where
        admitted
        {%- if table.area == 'exports' %}
        and source_system not in ('shopify', 'zendesk', 'pos', 'events')
        {%- else %}
        and source_system = '{{ table.area }}'
        {%- endif %}
        {%- if table.entity != 'broken_lines' %}
        and source_table = '{{ table.entity }}'
        {%- endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

final as (
    select
        raw_counts.raw_schema,
        raw_counts.raw_table,
        cast(landed_counts.rows_landed as bigint) as rows_landed,
        raw_counts.rows_read,
        staged_counts.rows_staged,
        cast(staged_counts.rows_superseded as bigint) as rows_superseded,
        quarantine_counts.rows_quarantined,
        cast(
            raw_counts.rows_read
            - staged_counts.rows_staged
            - staged_counts.rows_superseded
            - quarantine_counts.rows_quarantined as bigint
        ) as rows_lost
    from raw_counts
    inner join landed_counts
        on raw_counts.raw_schema = landed_counts.raw_schema and raw_counts.raw_table = landed_counts.raw_table
    inner join staged_counts
        on raw_counts.raw_schema = staged_counts.raw_schema and raw_counts.raw_table = staged_counts.raw_table
    inner join quarantine_counts
        on raw_counts.raw_schema = quarantine_counts.raw_schema and raw_counts.raw_table = quarantine_counts.raw_table
)

select * from final
