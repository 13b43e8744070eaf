-- Grain: one row per raw table.
{%- set tables = {
    'shopify': ['orders', 'customers', 'products'],
    'zendesk': ['tickets', 'ticket_metrics', 'users', 'satisfaction_ratings'],
    'pos': ['stores', 'members', 'receipts', 'receipt_lines'],
    'events': ['events', 'broken_lines'],
    'exports': ['ad_performance', 'fx_rates', 'broken_lines'],
} %}
{%- set from_here = {'products': 'product_versions', 'broken_lines': 'lines_never_staged'} %}

with raw_counts as (
    {%- for area, entities in tables.items() %}
    {%- set last_source = loop.last %}
    {%- for entity in entities %}
    select
        'raw_{{ area }}' as raw_schema,
        '{{ entity }}' as raw_table,
        count(*) as rows_read
    from {{ source('raw_' ~ area, entity) }}
    {%- if not (last_source and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
),

-- A product is staged as its variants, which share its versions.
product_versions as (
    select
        product_id,
        max(_versions_seen) as _versions_seen
    from {{ ref('stg_shopify__products') }}
    group by product_id
),

lines_never_staged as (
    select cast(1 as bigint) as _versions_seen
    where false
),

staged_counts as (
    {%- for area, entities in tables.items() %}
    {%- set last_source = loop.last %}
    {%- for entity in entities %}
    select
        'raw_{{ area }}' as raw_schema,
        '{{ entity }}' as raw_table,
        count(*) as rows_staged,
        coalesce(sum(_versions_seen - 1), 0) as rows_superseded
    {%- if entity in from_here %}
    from {{ from_here[entity] }}
    {%- else %}
    from {{ ref('stg_' ~ area ~ '__' ~ entity) }}
    {%- endif %}
    {%- if not (last_source and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
),

quarantine_counts as (
    {%- for area, entities in tables.items() %}
    {%- set last_source = loop.last %}
    {%- for entity in entities %}
    select
        'raw_{{ area }}' as raw_schema,
        '{{ entity }}' as raw_table,
        count(*) as rows_quarantined
    from {{ ref('quarantine__' ~ area ~ '__' ~ entity) }}
    {%- if not (last_source and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
),

-- What the loads' ledger says, which counts the lines of a file that could not be read beside the table the file feeds.
landed_counts as (
    {%- for area, entities in tables.items() %}
    {%- set last_source = loop.last %}
    {%- for entity in entities %}
    select
        'raw_{{ area }}' as raw_schema,
        '{{ entity }}' as raw_table,
        {%- if entity == 'broken_lines' %}
        coalesce(sum(rows_rejected), 0) as rows_landed
        {%- else %}
        coalesce(sum(rows_landed), 0) as rows_landed
        {%- endif %}
    from {{ source('ops', 'loads') }}
    where
        admitted
        {%- if area == 'exports' %}
        and source_system not in ('shopify', 'zendesk', 'pos', 'events')
        {%- else %}
        and source_system = '{{ area }}'
        {%- endif %}
        {%- if entity != 'broken_lines' %}
        and source_table = '{{ entity }}'
        {%- endif %}
    {%- if not (last_source and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
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
