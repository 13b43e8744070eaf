-- Grain: one row per delivered row, line, refund or order that waits in quarantine.
with waiting as (
    {%- for table in staged_tables() %}
    select
        '{{ table.area }}' as area,
        '{{ table.entity }}' as source_table,
        key,
        rule,
        reason,
        load_id,
        file_name,
        row_number,
        first_seen_at,
        last_seen_at
    from {{ ref('quarantine__' ~ table.area ~ '__' ~ table.entity) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- A load of exports is named after the folder that its file was dropped in.
load_systems as (
    select
        load_id,
        min(source_system) as source_system
    from {{ source('ops', 'loads') }}
    group by load_id
),

final as (
    select
        coalesce(load_systems.source_system, waiting.area) as source_system,
        waiting.source_table,
        waiting.key,
        waiting.rule,
        waiting.reason,
        waiting.load_id,
        waiting.file_name,
        waiting.row_number,
        waiting.first_seen_at,
        waiting.last_seen_at
    from waiting
    left join load_systems on waiting.load_id = load_systems.load_id
)

select * from final
