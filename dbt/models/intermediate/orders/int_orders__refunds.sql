-- Grain: one row per reduction: refunds and returns as booked, and a void for what remains of a cancelled order.
{{ config(materialized='table') }}

with headers as (

    select * from {{ ref('int_orders__headers') }}

),

returns as (

    select * from {{ ref('int_orders__returns') }}

),

daily_rates as (

    select * from {{ ref('int_fx__daily_rates') }}

),

order_returns as (

    select
        returns.order_id,
        sum(case when returns.status = 'counted' then returns.amount else 0 end) as counted_amount,
        sum(case when returns.system = headers.system then returns.amount else 0 end) as own_amount
    from returns
    inner join headers on returns.order_id = headers.order_id
    group by returns.order_id

),

voids as (

    select
        headers.order_id || case when headers.is_given_back then '-refunded' else '-void' end as refund_id,
        headers.system,
        headers.source_system,
        headers.source_order_id as source_refund_id,
        headers.order_id,
        headers.record_key,
        headers.store_id,
        cast(null as varchar) as twin_of,
        case when headers.is_given_back then 'refund' else 'void' end as kind,
        'counted' as status,
        headers.currency,
        {{ money('headers.due_amount - coalesce(order_returns.counted_amount, 0)') }} as amount,
        -- The source takes back its whole booking, gift cards sold included, less what it has refunded itself.
        {{ money('greatest(headers.booked_amount - coalesce(order_returns.own_amount, 0), 0)') }} as booked_amount,
        -- An export that calls an order refunded does not say when.
        {{ local_date('coalesce(headers.cancelled_at, headers.ordered_at)', 'headers.business_timezone') }}
            as business_date,
        coalesce(headers.cancelled_at, headers.ordered_at) as refunded_at
    from headers
    left join order_returns on headers.order_id = order_returns.order_id
    where headers.is_cancelled or headers.is_voided or headers.is_given_back

),

reductions as (

    select
        refund_id,
        system,
        source_system,
        source_refund_id,
        order_id,
        record_key,
        store_id,
        twin_of,
        kind,
        status,
        currency,
        amount,
        case when status = 'voided' then {{ money('0') }} else amount end as booked_amount,
        business_date,
        refunded_at
    from returns
    union all
    select *
    from voids
    where amount > 0 or booked_amount > 0

),

-- At the order's own rate, so that a full refund is nothing left in both currencies.
rated as (

    select
        reductions.* exclude (record_key),
        coalesce(headers.record_key, reductions.record_key) as record_key,
        case
            when coalesce(headers.currency, reductions.currency) = {{ reporting_currency() }}
                then cast(1 as decimal(20, 12))
            else daily_rates.rate
        end as fx_rate,
        headers.due_amount,
        -- A till that gives money back for a test order of the shop has paid real money.
        coalesce(headers.is_test and headers.system = reductions.system, false) as is_test,
        {{ reporting_minor_unit() }} as minor_unit,
        case when reductions.status = 'counted' then 1 else 0 end as counts
    from reductions
    left join headers on reductions.order_id = headers.order_id
    left join daily_rates
        on
            coalesce(headers.currency, reductions.currency) = daily_rates.currency
            and coalesce(headers.order_date, reductions.business_date) = daily_rates.date

),

-- Rounding running totals and taking differences gives parts that sum to the rounded whole.
running as (

    select
        *,
        sum(amount * counts) over (
            partition by order_id
            order by business_date, refunded_at, refund_id
        ) as amount_until
    from rated

),

final as (

    select
        running.refund_id,
        running.source_system,
        running.source_refund_id,
        running.order_id,
        running.record_key,
        running.store_id,
        running.twin_of,
        running.kind,
        running.status,
        running.currency,
        running.amount,
        running.booked_amount,
        case
            when running.counts = 1 and running.order_id is not null
                then
                    {{ round_money('cast(running.due_amount - (running.amount_until - running.amount)'
                                   ~ ' as decimal(18, 3)) * running.fx_rate', 'running.minor_unit') }}
                    - {{ round_money('cast(running.due_amount - running.amount_until'
                                     ~ ' as decimal(18, 3)) * running.fx_rate', 'running.minor_unit') }}
            else {{ round_money('running.amount * running.fx_rate', 'running.minor_unit') }}
        end as amount_reporting,
        running.fx_rate,
        running.is_test,
        running.business_date,
        running.refunded_at
    from running

)

select * from final
