-- Grain: one row per payment as it stands tonight, with its fingerprint.
{{ config(materialized='view') }}

with headers as (

    select * from {{ ref('int_orders__headers') }}

),

transactions as (

    select * from {{ ref('stg_shopify__transactions') }}
    where status = 'success' and kind in ('sale', 'capture') and amount > 0

),

sales as (

    select * from transactions
    where kind = 'sale'

),

-- An authorisation moves nothing, and what a sale has taken a capture of the same payment does not take again.
taken as (

    select transactions.*
    from transactions
    where
        transactions.kind = 'sale'
        or not exists (
            select 1
            from sales
            where
                sales.order_id = transactions.order_id
                and (
                    sales.transaction_id = transactions.parent_id
                    or sales.parent_id = transactions.parent_id
                    or sales.parent_id = transactions.transaction_id
                )
        )

),

told as (

    select
        'shopify-' || taken.transaction_id as payment_id,
        headers.order_id,
        headers.source_system,
        taken.transaction_id as source_payment_id,
        coalesce(taken.gateway, headers.payment_method, 'unknown') as payment_method,
        'paid' as status,
        coalesce(taken.currency, headers.currency) as currency,
        {{ money('taken.amount') }} as amount,
        headers.is_test or taken.is_test as is_test,
        {{ local_date('taken.processed_at', 'headers.business_timezone') }} as payment_date,
        taken.processed_at as paid_at
    from taken
    inner join headers on headers.source_system = 'shopify' and taken.order_id = headers.source_order_id

),

-- Where no transaction is known, the order tells of one payment: a voided receipt took no money, and a gift card used
-- is a payment like any other.
inferred as (

    select
        headers.order_id || '-1' as payment_id,
        headers.order_id,
        headers.source_system,
        cast(null as varchar) as source_payment_id,
        coalesce(headers.payment_method, 'unknown') as payment_method,
        case when headers.is_paid then 'paid' else 'pending' end as status,
        headers.currency,
        headers.booked_amount as amount,
        headers.is_test,
        headers.order_date as payment_date,
        headers.paid_at
    from headers
    where
        not headers.is_voided
        and headers.booked_amount > 0
        and headers.order_id not in (select told.order_id from told)

),

unioned as (

    select * from told
    union all
    select * from inferred

),

final as (

    select
        *,
        {{ fingerprint(['order_id', 'source_system', 'source_payment_id', 'payment_method', 'status', 'currency',
                        'amount', 'is_test', 'payment_date', 'paid_at']) }} as _fingerprint
    from unioned

)

select * from final
