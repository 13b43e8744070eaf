-- Grain: one row per id or key of a mapped export's row that may be made of a person's address or name.
{{ config(materialized='view') }}
{%- set ids = {'touchpoints': 'touchpoint_id', 'messages': 'message_id', 'tickets': 'ticket_id'} %}

with unioned as (

    {%- for entity, id in ids.items() %}
    select {{ personal_id(entity, 'system', id) }} as id
    from {{ ref('stg_exports__' ~ entity) }}
    where not {{ is_plain_id(id) }}
    union all
    {%- endfor %}
    {%- for table in staged_tables() if table.names_people %}
    select {{ personal_id('key', "'" ~ table.entity ~ "'", 'key') }} as id
    from {{ ref('quarantine__' ~ table.area ~ '__' ~ table.entity) }}
    where not {{ is_plain_key('key') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

final as (

    select distinct id from unioned

)

select * from final
