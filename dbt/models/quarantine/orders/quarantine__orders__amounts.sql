-- Grain: one row per refund that, with those before it, gives back more than its order came to; and one per currency
-- and day that orders or advertisements lack a rate of.
{{ config(materialized='table') }}

with returns as (
    select * from {{ ref('int_orders__returns') }}
    where status = 'excess'
),

headers as (
    select * from {{ ref('int_orders__headers') }}
),

shopify_refunds as (
    select * from {{ ref('stg_shopify__refunds') }}
),

pos_receipts as (
    select * from {{ ref('stg_pos__receipts') }}
),

mapped_refunds as (
    select
        system,
        source_refund_id,
        min(_load_id) as _load_id,
        min(_loaded_at) as _loaded_at
    from {{ ref('stg_exports__refunds') }}
    group by system, source_refund_id
),

states as (
    select * from {{ ref('int_orders__states') }}
),

ads as (
    select * from {{ ref('int_ads__states') }}
),

without_rate as (
    select
        headers.currency,
        headers.order_date as date,
        'orders' as what,
        min(headers.ordered_at) as first_at
    from states
    inner join headers on states.order_id = headers.order_id
    where states.fx_rate is null
    group by headers.currency, headers.order_date
    union all
    select
        ads.currency,
        ads.date,
        'advertisements' as what,
        cast(ads.date as timestamptz) as first_at
    from ads
    where ads.cost_reporting is null
    group by ads.currency, ads.date
),

lacking as (
    select
        currency || '|' || date as key,
        'rate_missing' as rule,
        'no rate from ' || currency || ' to ' || {{ reporting_currency() }}
        || ' on this day or the seven before it: its ' || string_agg(what, ' and ' order by what)
        || ' have no reporting amounts until one is dropped in landing/fx_rates' as reason,
        min(first_at) as first_at
    from without_rate
    group by currency, date
),

loads as (
    select
        load_id,
        min(file_name) as file_name
    from {{ source('ops', 'loads') }}
    group by load_id
),

placed as (
    select
        returns.refund_id as key,
        'refund_exceeds_order' as rule,
        'gives back ' || returns.amount || ' ' || returns.currency || ' of ' || returns.order_id || ', which came to '
        || headers.due_amount || ' in all: the order stays, and this refund does not reduce it' as reason,
        coalesce(shopify_refunds._load_id, pos_receipts._load_id, mapped_refunds._load_id) as load_id,
        coalesce(shopify_refunds._loaded_at, pos_receipts._loaded_at, mapped_refunds._loaded_at) as _loaded_at
    from returns
    inner join headers on returns.order_id = headers.order_id
    left join shopify_refunds
        on case when returns.system = 'shopify' then returns.source_refund_id end = shopify_refunds.refund_id
    left join pos_receipts
        on case when returns.system = 'pos' then returns.source_refund_id end = pos_receipts.receipt_id
    left join mapped_refunds
        on returns.system = mapped_refunds.system and returns.source_refund_id = mapped_refunds.source_refund_id
),

final as (
    select
        lacking.key,
        lacking.rule,
        lacking.reason,
        cast(null as varchar) as load_id,
        cast(null as varchar) as file_name,
        cast(null as bigint) as row_number,
        lacking.first_at as first_seen_at,
        lacking.first_at as last_seen_at,
        lacking.first_at as _loaded_at
    from lacking
    union all
    select
        placed.key,
        placed.rule,
        placed.reason,
        placed.load_id,
        loads.file_name,
        cast(null as bigint) as row_number,
        placed._loaded_at as first_seen_at,
        placed._loaded_at as last_seen_at,
        placed._loaded_at
    from placed
    left join loads on placed.load_id = loads.load_id
)

select * from final
