-- Grain: one row per order line, any channel.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_orders__states'), 'order_id') }}"
) }}

with states as (

    {{ missing_keys(ref('int_orders__states'), 'order_id') }}

),

headers as (

    select * from {{ ref('int_orders__headers') }}

),

lines as (

    select * from {{ ref('int_orders__lines') }}

),

refunded_lines as (

    select * from {{ ref('int_orders__refunded_lines') }}

),

joined as (

    select
        lines.*,
        headers.source_system,
        headers.currency,
        states.is_valid,
        headers.order_date,
        coalesce(refunded_lines.refunded_quantity, 0) as refunded_quantity,
        {{ minor_units_per_major(reporting_minor_unit()) }} as reporting_units,
        states.merchandise_amount_reporting as merchandise_reporting,
        states._fingerprint
    from states
    inner join headers on states.order_id = headers.order_id
    inner join lines on states.order_id = lines.order_id
    left join refunded_lines
        on lines.order_id = refunded_lines.order_id and lines.line_number = refunded_lines.line_number

),

-- Units of the reporting currency to hand out, weights in thousandths.
shared as (

    {{ with_shares(
        'joined',
        'abs(merchandise_reporting) * reporting_units',
        'abs(net_amount) * 1000',
        parts_of='order_id',
        place='line_number'
    ) }}

),

final as (

    select
        order_id || '-' || line_number as order_line_id,
        order_id,
        source_system,
        line_number,
        sku,
        product_name,
        category,
        currency,
        quantity,
        refunded_quantity,
        unit_price,
        gross_amount,
        discount_amount,
        net_amount,
        gift_card_sold_amount,
        {{ money('sign(merchandise_reporting) * share_units / reporting_units') }} as net_amount_reporting,
        is_gift_card,
        is_valid,
        order_date,
        _fingerprint,
        current_timestamp as _loaded_at
    from shared

)

select * from final
