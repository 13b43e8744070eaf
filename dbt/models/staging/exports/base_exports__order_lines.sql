-- Grain: one row per order line of a mapped export as delivered.
{%- set line_amounts = ['discount_amount', 'net_amount', 'line_tax_amount'] %}
{%- set order_amounts = [
    'gross_amount', 'shipping_amount', 'tax_amount', 'order_discount_amount', 'order_net_amount',
] %}
{%- set given = (
    ['line_number', 'sku', 'product_name', 'category', 'original_order_id', 'quantity', 'unit_price', 'status', 'ordered_at',
     'birth_date'] + order_times() + line_amounts + order_amounts + order_texts() + buyer_texts()
) %}

with raw_rows as (
    select * from {{ source('raw_exports', 'order_lines') }}
),

loads as (
    {{ load_times() }}
),

statuses as (
    select * from {{ ref('order_statuses') }}
),

texts as (
    select
        {%- for column in ['source_system', 'system', 'order_id'] %}
        {{ to_text(column) }} as {{ column }},
        {%- endfor %}
        {%- for column in given %}
        {{ to_text(column) }} as {{ column }}_text,
        {%- endfor %}
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

-- Lines without a number are counted as they stand in their file. Of the keys alone: a window holds what passes it.
places as (
    select
        _load_id,
        _row_number,
        row_number() over (
            partition by _load_id, {{ to_text('system') }}, {{ to_text('order_id') }}
            order by _row_number
        ) as place_in_load
    from {{ source('raw_exports', 'order_lines') }}
),

typed as (
    select
        texts.*,
        places.place_in_load,
        {{ typed_order_columns() }},
        {%- for column in ['line_number', 'sku', 'product_name', 'category', 'original_order_id'] %}
        texts.{{ column }}_text as {{ column }},
        {%- endfor %}
        {%- for amount in line_amounts + order_amounts %}
        {{ to_money('texts.' ~ amount ~ '_text') }} as {{ amount }},
        {%- endfor %}
        {{ to_quantity('texts.quantity_text') }} as quantity,
        {{ to_unit_price('texts.unit_price_text') }} as unit_price
    from texts
    left join places on texts._load_id = places._load_id and texts._row_number = places._row_number
),

judged as (
    select
        typed.*,
        statuses.meaning as status,
        typed.line_number is not null as is_numbered,
        {{ row_key(['system', 'order_id'], 'typed') }} as _group_key,
        coalesce(typed.line_number, '#' || typed.place_in_load) as _item_key,
        {{ row_key(['system', 'order_id'], 'typed') }} || '|' || coalesce(typed.line_number, '#' || typed.place_in_load)
            as _row_key,
        {{ load_order_only() }} as version_at,
        coalesce(
            case
                when typed.system is null or typed.order_id is null then 'key_missing'
                when typed.quantity is null then 'quantity_not_a_number'
                when typed.unit_price_text is not null and typed.unit_price is null then 'amount_not_a_number'
                when typed.unit_price < 0 then 'price_negative'
            end,
            {{ broken_order_rule(line_amounts + order_amounts) }},
            case
                when typed.unit_price is null and typed.net_amount is null then 'amount_missing'
                when typed.quantity > 0 and typed.net_amount < 0 then 'amount_negative'
                when typed.quantity = 0 and coalesce(typed.net_amount, 0) <> 0 then 'quantity_zero'
            end
        ) as _broken_rule,
        loads._loaded_at
    from typed
    left join statuses on typed.status_word = lower(statuses.status)
    left join loads on typed._load_id = loads.load_id
)

select * from judged
