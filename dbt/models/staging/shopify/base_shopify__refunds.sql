-- Grain: one row per refund listed in a delivered order version.
with order_versions as (
    select * from {{ ref('base_shopify__orders') }}
),

refunds as (
    select
        {{ json_text('refunds.item', '$.id') }} as refund_id,
        order_versions.order_id,
        coalesce(
            {{ to_time(json_text('refunds.item', '$.processed_at')) }},
            {{ to_time(json_text('refunds.item', '$.created_at')) }}
        ) as refunded_at,
        {{ shopify_refunded_amount('refunds.item', 'order_versions.currency') }} as amount,
        order_versions.currency,
        {{ json_text('refunds.item', '$.transactions[0].gateway') }} as gateway,
        {{ json_text('refunds.item', '$.note') }} as note,
        order_versions.total_amount as order_total_amount,
        refunds.item as refund_json,
        refunds.position as refund_number,
        order_versions._file_name,
        order_versions._row_number,
        order_versions._load_id,
        order_versions._loaded_at
    from order_versions,
        {{ json_items('order_versions.refunds_json', 'refunds') }}
),

accumulated as (
    select
        *,
        sum(amount) over (
            partition by order_id, _load_id, _row_number
            order by refunded_at, refund_number
            rows between unbounded preceding and current row
        ) as refunded_so_far
    from refunds
),

judged as (
    select
        *,
        case
            when refund_id is null then 'key_missing'
            when refunded_at is null then 'refunded_at_not_a_time'
            when amount is null then 'amount_not_a_number'
            when amount < 0 then 'amount_negative'
            when refunded_so_far > order_total_amount then 'refund_exceeds_order'
        end as _broken_rule
    from accumulated
)

select * from judged
