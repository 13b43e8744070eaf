-- Grain: one row per delivered row, line, refund or order that waits in quarantine.
with waiting as (
    {%- for table in staged_tables() %}
    select
        '{{ table.area }}' as area,
        '{{ table.entity }}' as source_table,
        {%- if table.names_people %}
        case when {{ is_plain_key('key') }} then key end as key,
        case when not {{ is_plain_key('key') }} then {{ personal_id('key', "'" ~ table.entity ~ "'", 'key') }} end
            as personal_id,
        {%- else %}
        key,
        cast(null as varchar) as personal_id,
        {%- endif %}
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

published_ids as (
    select * from {{ ref('int_identity__published_ids') }}
),

final as (
    select
        coalesce(load_systems.source_system, waiting.area) as source_system,
        waiting.source_table,
        coalesce(waiting.key, published_ids.published_id) as key,
        waiting.rule,
        waiting.reason,
        waiting.load_id,
        waiting.file_name,
        waiting.row_number,
        waiting.first_seen_at,
        waiting.last_seen_at
    from waiting
    left join load_systems on waiting.load_id = load_systems.load_id
    left join published_ids on waiting.personal_id = published_ids.id
)

select * from final
