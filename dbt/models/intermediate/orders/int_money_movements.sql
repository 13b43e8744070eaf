-- Grain: one row per movement of money, as the system that booked it sees it.
{{ config(materialized='view') }}

with headers as (

    select * from {{ ref('int_orders__headers') }}
    where not is_test

),

refunds as (

    select * from {{ ref('int_orders__refunds') }}
    where not is_test and status != 'voided'

),

movements as (

    select
        order_id || ':sale' as movement_id,
        order_id,
        cast(null as varchar) as refund_id,
        source_system,
        'sale' as movement_type,
        currency,
        order_date as business_date,
        {{ money('due_amount - other_amount') }} as amount
    from headers
    union all
    select
        order_id || ':other',
        order_id,
        null,
        source_system,
        case when store_id is null then 'other_charge' else 'rounding' end,
        currency,
        order_date,
        other_amount
    from headers
    where other_amount != 0
    union all
    select
        order_id || ':gift_card_sale',
        order_id,
        null,
        source_system,
        'gift_card_sale',
        currency,
        order_date,
        gift_card_sold_amount
    from headers
    where gift_card_sold_amount != 0
    union all
    select
        refund_id,
        order_id,
        refund_id,
        source_system,
        kind,
        currency,
        business_date,
        {{ money('-booked_amount') }}
    from refunds

),

final as (

    select * from movements
    where amount != 0

)

select * from final
