-- Grain: one row per refund of a staged web shop order that breaks a rule.
{{ config(
    incremental_strategy='replace_children',
    meta={'loads': ['shopify.orders'], 'parent': 'stg_shopify__orders', 'parent_key': 'order_id'},
) }}

with orders as (
    select *
    from {{ ref('stg_shopify__orders') }}
    where {{ is_changed() }}
),

refunds as (
    select *
    from {{ ref('base_shopify__refunds') }}
    where _broken_rule is not null and {{ in_loads_of_changed(ref('stg_shopify__orders')) }}
),

of_newest_version as (
    select
        refunds.refund_id as key,
        refunds.order_id,
        refunds._broken_rule as rule,
        replace(refunds._broken_rule, '_', ' ') as reason,
        refunds.refund_json as raw_row,
        orders._version_at as version_at,
        refunds._load_id as load_id,
        refunds._file_name as file_name,
        refunds._row_number as row_number,
        refunds._loaded_at as first_seen_at,
        refunds._loaded_at as last_seen_at,
        refunds._loaded_at
    from refunds
    inner join orders on refunds._load_id = orders._load_id and refunds._row_number = orders._row_number
)

select * from of_newest_version
