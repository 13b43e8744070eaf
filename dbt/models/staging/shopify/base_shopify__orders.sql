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
        {{ to_json_text('raw_rows.original_total_duties_set') }} as duties_json,
        {{ to_json_text('raw_rows.original_total_additional_fees_set') }} as fees_json,
        {{ to_json_text('raw_rows.total_price_set') }} as total_json,
        {{ to_json_text('raw_rows.discount_codes') }} as codes_json,
        {{ to_json_text('raw_rows.fulfillments') }} as fulfillments_json,
        raw_rows.*,
        {{ json_row('raw_rows') }} as _raw_row
    from raw_rows
),

typed as (
    select
        {{ to_text('parsed.id') }} as order_id,
        {{ to_text('parsed.name') }} as order_name,
        {{ json_text('parsed.customer_json', '$.id') }} as customer_id_shopify,
        coalesce(
            {{ to_text('parsed.email') }},
            {{ json_text('parsed.customer_json', '$.email') }}
        ) as email,
        coalesce(
            {{ to_text('parsed.phone') }},
            {{ json_text('parsed.customer_json', '$.phone') }},
            {{ json_text('parsed.billing_json', '$.phone') }}
        ) as phone,
        coalesce(
            {{ to_time('parsed.processed_at') }},
            {{ to_time('parsed.created_at') }}
        ) as ordered_at,
        {{ to_time('parsed.created_at') }} as created_at,
        {{ to_time('parsed.updated_at') }} as updated_at,
        {{ to_time('parsed.cancelled_at') }} as cancelled_at,
        {{ to_text('parsed.cancel_reason') }} as cancel_reason,
        {{ to_time('parsed.closed_at') }} as closed_at,
        {{ to_text('parsed.currency') }} as currency,
        {{ to_text('parsed.financial_status') }} as financial_status,
        {{ to_text('parsed.fulfillment_status') }} as fulfillment_status,
        coalesce({{ to_boolean('parsed.test') }}, false) as is_test,
        coalesce({{ to_boolean('parsed.taxes_included') }}, false) as taxes_included,
        {{ json_sum_of_products('parsed.lines_json', 'price', 'quantity') }} as line_items_amount,
        {{ json_sum('parsed.lines_json', '$[*].discount_allocations[*].amount') }} as discount_amount,
        coalesce({{ to_money('parsed.total_tax') }}, 0) as tax_amount,
        {{ json_sum('parsed.lines_json', '$[*].tax_lines[*].price') }} as line_tax_amount,
        {{ shopify_shipping_amount('parsed.shipping_json') }} as shipping_amount,
        {{ json_sum('parsed.shipping_json', '$[*].tax_lines[*].price') }} as shipping_tax_amount,
        coalesce({{ to_money('parsed.total_tip_received') }}, 0) as tip_amount,
        coalesce({{ to_money(json_text('parsed.duties_json', '$.shop_money.amount')) }}, 0)
        + coalesce({{ to_money(json_text('parsed.fees_json', '$.shop_money.amount')) }}, 0) as duties_amount,
        {{ to_money('parsed.total_price') }} as total_amount,
        coalesce(
            {{ json_text('parsed.total_json', '$.presentment_money.currency_code') }},
            {{ to_text('parsed.presentment_currency') }}
        ) as presentment_currency,
        {{ to_money(json_text('parsed.total_json', '$.presentment_money.amount')) }} as presentment_total_amount,
        {{ json_text('parsed.codes_json', '$[0].code') }} as discount_code,
        {{ shopify_shipped_at('parsed.fulfillments_json') }} as first_shipped_at,
        {{ shopify_delivered_at('parsed.fulfillments_json') }} as last_delivered_at,
        {{ shopify_is_store_pickup('parsed.shipping_json') }} as is_store_pickup,
        {{ to_text('parsed.tags') }} as tags,
        {{ to_text('parsed.source_name') }} as source_name,
        {{ to_text('parsed.landing_site') }} as landing_site,
        {{ to_text('parsed.referring_site') }} as referring_site,
        {{ json_text('parsed.gateways_json', '$[0]') }} as payment_gateway,
        {{ to_text('parsed.location_id') }} as location_id,
        coalesce(
            {{ json_text('parsed.customer_json', '$.first_name') }},
            {{ json_text('parsed.billing_json', '$.first_name') }}
        ) as buyer_given_name,
        coalesce(
            {{ json_text('parsed.customer_json', '$.last_name') }},
            {{ json_text('parsed.billing_json', '$.last_name') }}
        ) as buyer_family_name,
        {{ json_text('parsed.billing_json', '$.name') }} as billing_name,
        coalesce(
            {{ json_text('parsed.billing_json', '$.city') }},
            {{ json_text('parsed.customer_json', '$.default_address.city') }}
        ) as city,
        coalesce(
            {{ json_text('parsed.billing_json', '$.province') }},
            {{ json_text('parsed.customer_json', '$.default_address.province') }}
        ) as province,
        coalesce(
            {{ json_text('parsed.billing_json', '$.country') }},
            {{ json_text('parsed.customer_json', '$.default_address.country') }}
        ) as country,
        coalesce(
            {{ json_text('parsed.billing_json', '$.zip') }},
            {{ json_text('parsed.customer_json', '$.default_address.zip') }}
        ) as postcode,
        coalesce(
            {{ json_text('parsed.billing_json', '$.address1') }},
            {{ json_text('parsed.customer_json', '$.default_address.address1') }}
        ) as street,
        parsed.lines_json,
        parsed.refunds_json,
        {{ json_list_length('parsed.lines_json') }} as lines_count,
        parsed.created_at as created_at_text,
        parsed.processed_at as processed_at_text,
        parsed.cancelled_at as cancelled_at_text,
        parsed.total_tax as total_tax_text,
        parsed.total_tip_received as tip_text,
        parsed._raw_row,
        parsed._file_name,
        parsed._row_number,
        parsed._load_id
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
