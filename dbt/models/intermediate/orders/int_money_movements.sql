-- Grain: one row per movement of money, as the system that booked it sees it.
{{ config(materialized='view') }}

with headers as (

    -- A voided receipt is as if it never was; a cancelled web order was booked and taken back.
    select
        *,
        case when source_system = 'pos' then other_amount else tip_amount end as separate_amount
    from {{ ref('int_orders__headers') }}
    where not is_test and not (source_system = 'pos' and is_voided)

),

refunds as (

    select * from {{ ref('int_orders__refunds') }}
    where not is_test and status != 'voided' and not (source_system = 'pos' and kind = 'void')

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
        {{ money('due_amount - separate_amount') }} as amount
    from headers
    union all
    select
        order_id || ':tip_or_rounding' as movement_id,
        order_id,
        null as refund_id,
        source_system,
        case when source_system = 'pos' then 'rounding' else 'tip' end as movement_type,
        currency,
        order_date,
        separate_amount
    from headers
    where separate_amount != 0
    union all
    select
        order_id || ':gift_card_sale' as movement_id,
        order_id,
        null as refund_id,
        source_system,
        'gift_card_sale' as movement_type,
        currency,
        order_date,
        gift_card_sold_amount
    from headers
    where gift_card_sold_amount != 0
    union all
    select
        refund_id as movement_id,
        order_id,
        refund_id,
        source_system,
        kind as movement_type,
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
