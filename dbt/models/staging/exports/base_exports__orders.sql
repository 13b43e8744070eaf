-- Grain: one row per order of a mapped export as delivered.
{%- set amounts = ['gross_amount', 'discount_amount', 'shipping_amount', 'tax_amount', 'net_amount'] %}
{%- set told_once = (
    order_texts() + ['status', 'ordered_at'] + order_times() + amounts + buyer_texts() + ['birth_date']
) %}

with raw_rows as (
    select * from {{ source('raw_exports', 'orders') }}
),

loads as (
    {{ load_times() }}
),

statuses as (
    select * from {{ ref('order_statuses') }}
),

trimmed as (
    select
        {%- for column in ['source_system', 'system', 'order_id'] %}
        {{ to_text(column) }} as {{ column }},
        {%- endfor %}
        {%- for column in told_once %}
        {{ to_text(column) }} as {{ column }},
        {%- endfor %}
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

-- A file of lines tells of its order on each of them, or on the first one only.
texts as (
    select
        source_system,
        system,
        order_id,
        {%- for column in told_once %}
        first_value({{ column }} ignore nulls) over of_order as {{ column }}_text,
        {%- endfor %}
        _raw_row,
        _file_name,
        _row_number,
        _load_id
    from trimmed
    window
        of_order as (
            partition by _load_id, system, order_id
            order by _row_number
            rows between unbounded preceding and unbounded following
        )
),

typed as (
    select
        texts.*,
        {%- for amount in amounts %}
        {{ to_money('texts.' ~ amount ~ '_text') }} as {{ amount }},
        {%- endfor %}
        {{ typed_order_columns() }}
    from texts
),

judged as (
    select
        typed.*,
        statuses.meaning as status,
        {{ row_key(['system', 'order_id'], 'typed') }} as _row_key,
        {{ load_order_only() }} as version_at,
        case
            when typed.system is null or typed.order_id is null then 'key_missing'
            when typed.ordered_at_text is null then 'ordered_at_missing'
            else {{ broken_order_rule(amounts) }}
        end as _broken_rule,
        loads._loaded_at
    from typed
    left join statuses on typed.status_word = lower(statuses.status)
    left join loads on typed._load_id = loads.load_id
)

select * from judged
