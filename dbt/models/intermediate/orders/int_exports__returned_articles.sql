-- Grain: one row per refund of a mapped order and article that it takes back.
{{ config(materialized='view') }}

with line_amounts as (

    select * from {{ ref('int_exports__line_amounts') }}
    where quantity < 0 and original_order_id is not null and sku is not null

),

refunds as (

    select * from {{ ref('stg_exports__refunds') }}
    where sku is not null and quantity is not null

),

unioned as (

    select
        system || '-return-' || source_order_id || '-' || original_order_id as refund_id,
        sku,
        abs(quantity) as quantity
    from line_amounts
    union all
    select
        system || '-' || source_refund_id as refund_id,
        sku,
        quantity
    from refunds

),

final as (

    select
        refund_id,
        sku,
        sum(quantity) as quantity
    from unioned
    group by refund_id, sku

)

select * from final
