-- Grain: one row per order version as delivered.
with raw_rows as (
    select * from {{ source('raw_shopify', 'orders') }}
),

loads as (
    {{ load_times() }}
),

parsed as (
    select
        {{ to_json_text('raw_rows.customer') }} as customer_json,
        {{ to_json_text('raw_rows.billing_address') }} as billing_json,
        {{ to_json_text('raw_rows.line_items') }} as lines_json,
        {{ to_json_text('raw_rows.shipping_lines') }} as shipping_json,
        {{ to_json_text('raw_rows.refunds') }} as refunds_json,
        {{ to_json_text('raw_rows.payment_gateway_names') }} as gateways_json,
        {{ to_json_text('raw_rows._extra') }} as extra_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ to_text('id') }} as order_id,
        {{ to_text('name') }} as order_name,
        {{ json_text('customer_json', '$.id') }} as customer_id_shopify,
        coalesce({{ to_text('email') }}, {{ json_text('customer_json', '$.email') }}) as email,
        coalesce(
            {{ to_text('phone') }},
            {{ json_text('customer_json', '$.phone') }},
            {{ json_text('billing_json', '$.phone') }}
        ) as phone,
        coalesce({{ to_time('processed_at') }}, {{ to_time('created_at') }}) as ordered_at,
        {{ to_time('created_at') }} as created_at,
        {{ to_time('updated_at') }} as updated_at,
        {{ to_time('cancelled_at') }} as cancelled_at,
        {{ to_text('cancel_reason') }} as cancel_reason,
        {{ to_time('closed_at') }} as closed_at,
        {{ to_text('currency') }} as currency,
        {{ to_text('financial_status') }} as financial_status,
        {{ to_text('fulfillment_status') }} as fulfillment_status,
        coalesce({{ to_boolean('test') }}, false) as is_test,
        coalesce({{ to_boolean('taxes_included') }}, false) as taxes_included,
        {{ json_sum_of_products('lines_json', 'price', 'quantity') }} as line_items_amount,
        {{ json_sum('lines_json', '$[*].discount_allocations[*].amount') }} as discount_amount,
        coalesce({{ to_money('total_tax') }}, 0) as tax_amount,
        {{ json_sum('lines_json', '$[*].tax_lines[*].price') }} as line_tax_amount,
        {{ shopify_shipping_amount('shipping_json') }} as shipping_amount,
        {{ json_sum('shipping_json', '$[*].tax_lines[*].price') }} as shipping_tax_amount,
        coalesce({{ to_money('total_tip_received') }}, 0) as tip_amount,
        coalesce({{ to_money(json_text('extra_json', '$.original_total_duties_set.shop_money.amount')) }}, 0)
        + coalesce({{ to_money(json_text('extra_json', '$.original_total_additional_fees_set.shop_money.amount')) }}, 0)
            as duties_amount,
        {{ to_money('total_price') }} as total_amount,
        {{ to_text('source_name') }} as source_name,
        {{ to_text('landing_site') }} as landing_site,
        {{ to_text('referring_site') }} as referring_site,
        {{ json_text('gateways_json', '$[0]') }} as payment_gateway,
        {{ to_text('location_id') }} as location_id,
        coalesce({{ json_text('customer_json', '$.first_name') }}, {{ json_text('billing_json', '$.first_name') }})
            as buyer_given_name,
        coalesce({{ json_text('customer_json', '$.last_name') }}, {{ json_text('billing_json', '$.last_name') }})
            as buyer_family_name,
        {{ json_text('billing_json', '$.name') }} as billing_name,
        coalesce({{ json_text('billing_json', '$.city') }}, {{ json_text('customer_json', '$.default_address.city') }})
            as city,
        coalesce(
            {{ json_text('billing_json', '$.province') }}, {{ json_text('customer_json', '$.default_address.province') }}
        ) as province,
        coalesce(
            {{ json_text('billing_json', '$.country') }}, {{ json_text('customer_json', '$.default_address.country') }}
        ) as country,
        coalesce({{ json_text('billing_json', '$.zip') }}, {{ json_text('customer_json', '$.default_address.zip') }})
            as postcode,
        coalesce(
            {{ json_text('billing_json', '$.address1') }}, {{ json_text('customer_json', '$.default_address.address1') }}
        ) as street,
        lines_json,
        refunds_json,
        {{ json_list_length('lines_json') }} as lines_count,
        created_at as created_at_text,
        processed_at as processed_at_text,
        cancelled_at as cancelled_at_text,
        total_tax as total_tax_text,
        total_tip_received as tip_text,
        _raw_row,
        _file_name,
        _row_number,
        _load_id
    from parsed
),

judged as (
    select
        typed.*,
        coalesce(
            nullif(trim(coalesce(typed.buyer_given_name, '') || ' ' || coalesce(typed.buyer_family_name, '')), ''),
            typed.billing_name
        ) as buyer_full_name,
        {{ row_key(['order_id'], 'typed') }} as _row_key,
        coalesce(typed.updated_at, loads._loaded_at) as version_at,
        case
            when typed.order_id is null then 'key_missing'
            when typed.updated_at is null then 'updated_at_not_a_time'
            when
                typed.ordered_at is null
                or {{ is_unreadable('typed.created_at_text', 'typed.created_at') }}
                or {{ is_unreadable('typed.processed_at_text', to_time('typed.processed_at_text')) }}
                then 'ordered_at_not_a_time'
            when {{ is_unreadable('typed.cancelled_at_text', 'typed.cancelled_at') }} then 'cancelled_at_not_a_time'
            when not {{ is_currency('typed.currency') }} then 'currency_unknown'
            when typed.total_amount is null then 'total_not_a_number'
            when typed.total_amount < 0 then 'total_negative'
            when typed.lines_count = 0 then 'lines_missing'
            when
                typed.line_items_amount is null
                or typed.discount_amount is null
                or typed.line_tax_amount is null
                or typed.shipping_amount is null
                or typed.shipping_tax_amount is null
                or {{ is_unreadable('typed.total_tax_text', to_money('typed.total_tax_text')) }}
                or {{ is_unreadable('typed.tip_text', to_money('typed.tip_text')) }}
                then 'amount_not_a_number'
            when
                typed.total_amount
                <> typed.line_items_amount
                - typed.discount_amount
                + typed.shipping_amount
                + typed.tip_amount
                + typed.duties_amount
                + case when typed.taxes_included then 0 else typed.tax_amount end
                then 'total_mismatch'
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join loads on typed._load_id = loads.load_id
)

select * from judged
