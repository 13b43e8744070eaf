-- Grain: one row per staged order, return or refund of a mapped export whose money cannot be told.
{{ config(materialized='table') }}

with invoices as (
    select * from {{ ref('int_exports__invoices') }}
),

amounts as (
    select * from {{ ref('int_exports__amounts') }}
),

refunds as (
    select * from {{ ref('stg_exports__refunds') }}
),

counted_refunds as (
    select * from {{ ref('int_exports__returns') }}
),

headers as (
    select * from {{ ref('stg_exports__orders') }}
),

lines as (
    select * from {{ ref('stg_exports__order_lines') }}
),

loads as (
    select
        load_id,
        min(file_name) as file_name
    from {{ source('ops', 'loads') }}
    group by load_id
),

held as (
    select
        invoices.system,
        invoices.source_order_id as source_id,
        case when invoices.is_sale then amounts.sale_held_by_rule else amounts.held_by_rule end as rule
    from invoices
    inner join amounts on invoices.order_id = amounts.order_id
),

-- Where a person would look: the header, else the first line.
places as (
    select
        system,
        order_id as source_id,
        0 as preference,
        _load_id,
        _row_number,
        _loaded_at
    from headers
    union all
    select
        system,
        order_id as source_id,
        1 as preference,
        _load_id,
        _row_number,
        _loaded_at
    from lines
),

held_invoices as (
    select
        'order' as kind,
        {{ row_key(['system', 'source_id'], 'held') }} as key,
        held.rule,
        places._load_id,
        places._row_number,
        places._loaded_at
    from held
    inner join places on held.system = places.system and held.source_id = places.source_id
    where held.rule is not null
    qualify row_number() over (
        partition by held.system, held.source_id
        order by places.preference asc, places._load_id desc, places._row_number asc
    ) = 1
),

held_refunds as (
    select
        'refund' as kind,
        {{ row_key(['system', 'source_refund_id'], 'refunds') }} as key,
        'currency_unknown' as rule,
        refunds._load_id,
        refunds._row_number,
        refunds._loaded_at
    from refunds
    left join counted_refunds
        on refunds.system = counted_refunds.system and refunds.source_refund_id = counted_refunds.source_refund_id
    where counted_refunds.refund_id is null
    qualify row_number() over (
        partition by refunds.system, refunds.source_refund_id
        order by refunds._row_number
    ) = 1
),

unioned as (
    select * from held_invoices
    union all
    select * from held_refunds
),

final as (
    select
        unioned.kind,
        unioned.key,
        unioned.rule,
        replace(unioned.rule, '_', ' ') as reason,
        unioned._load_id as load_id,
        loads.file_name,
        unioned._row_number as row_number,
        unioned._loaded_at as first_seen_at,
        unioned._loaded_at as last_seen_at,
        unioned._loaded_at
    from unioned
    left join loads on unioned._load_id = loads.load_id
)

select * from final
