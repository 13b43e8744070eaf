-- Grain: one row per mapped order or return that names its buyer.
{{ config(materialized='table') }}

with invoices as (

    select * from {{ ref('int_exports__invoices') }}

),

refunds as (

    select
        *,
        {{ buyer_record_type('refunds', has_names=false) }} as record_type
    from {{ ref('stg_exports__refunds') }} as refunds

),

buyers as (

    select
        record_key,
        system as source_system,
        record_type,
        source_record_id,
        case when is_sale then order_id end as order_id,
        full_name,
        given_name,
        family_name,
        phone,
        email,
        member_no,
        union_id,
        open_id,
        birth_date,
        gender,
        street,
        city,
        province,
        country,
        postcode,
        ordered_at
    from invoices
    where record_key is not null and ordered_at is not null

),

-- Of a refund whose order is known, the order names the buyer.
refund_buyers as (

    select
        refunds.system || '/' || refunds.record_type || '/' || {{ refund_record_id('refunds') }} as record_key,
        refunds.system as source_system,
        refunds.record_type,
        {{ refund_record_id('refunds') }} as source_record_id,
        cast(null as varchar) as order_id,
        cast(null as varchar) as full_name,
        cast(null as varchar) as given_name,
        cast(null as varchar) as family_name,
        refunds.phone,
        refunds.email,
        refunds.member_no,
        refunds.union_id,
        refunds.open_id,
        cast(null as date) as birth_date,
        cast(null as varchar) as gender,
        cast(null as varchar) as street,
        cast(null as varchar) as city,
        cast(null as varchar) as province,
        cast(null as varchar) as country,
        cast(null as varchar) as postcode,
        refunds.refunded_at as ordered_at
    from refunds
    left join invoices on refunds.system = invoices.system and refunds.order_id = invoices.source_order_id
    where refunds.record_type is not null and invoices.order_id is null

),

final as (

    select * from buyers
    union all
    select * from refund_buyers

)

select * from final
