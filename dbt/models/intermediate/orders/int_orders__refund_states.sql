-- Grain: one row per reduction with the person it belongs to, and its fingerprint.
{{ config(materialized='view') }}

with refunds as (

    select * from {{ ref('int_orders__refunds') }}

),

members as (

    select * from {{ ref('int_identity__members') }}

),

joined as (

    select
        refunds.*,
        members.customer_id,
        {{ reporting_date('refunds.refunded_at') }} as reporting_date
    from refunds
    left join members on refunds.record_key = members.record_key

),

final as (

    select
        * exclude (record_key),
        {{ fingerprint(['order_id', 'source_system', 'source_refund_id', 'store_id', 'customer_id', 'twin_of', 'kind',
                        'status', 'currency', 'amount', 'booked_amount', 'amount_reporting', 'is_test', 'business_date',
                        'reporting_date', 'refunded_at']) }} as _fingerprint
    from joined

)

select * from final
