-- Grain: one row per refund of a mapped export as delivered.
{%- set identifiers = ['customer_key', 'phone', 'email', 'member_no', 'union_id', 'open_id'] %}
{%- set content = ['amount_text', 'quantity_text', 'sku', 'currency', 'store_id'] + identifiers %}
{%- set told = ['refund_id', 'order_id', 'sku', 'currency', 'store_id', 'timezone'] + identifiers %}

with raw_rows as (
    select * from {{ source('raw_exports', 'refunds') }}
),

loads as (
    {{ load_times() }}
),

texts as (
    select
        {%- for column in ['source_system', 'system'] + told %}
        {{ to_text(column) }} as {{ column }},
        {%- endfor %}
        {%- for column in ['refunded_at', 'amount', 'quantity'] %}
        {{ to_text(column) }} as {{ column }}_text,
        {%- endfor %}
        {{ json_row('raw_rows') }} as _raw_row,
        _file_name,
        _row_number,
        _load_id
    from raw_rows
),

typed as (
    select
        texts.* exclude (currency),
        upper(texts.currency) as currency,
        {{ to_instant('texts.refunded_at_text', 'texts.timezone') }} as refunded_at,
        {{ business_date('texts.refunded_at_text', 'texts.timezone') }} as refund_date,
        abs({{ to_money('texts.amount_text') }}) as amount,
        abs({{ to_quantity('texts.quantity_text') }}) as quantity
    from texts
),

-- A refund without an id is told by its order and time; without an order, by all that its row says. One with an id may
-- have a row an article.
grouped as (
    select
        *,
        refund_id is null and order_id is null as is_numbered,
        case
            when refund_id is not null then {{ row_key(['system', 'refund_id']) }}
            else
                replace(system, '|', '\|') || '|' || replace(coalesce(order_id, ''), '|', '\|')
                || '|' || replace(coalesce(refunded_at_text, ''), '|', '\|')
                || case
                    when order_id is null
                        then '|' || left(md5(
                            {%- for column in content %}
                            coalesce(replace({{ column }}, '|', '\|'), '') || '|'{{ ' ||' if not loop.last }}
                            {%- endfor %}
                        ), 12)
                    else ''
                end
        end as _group_key
    from typed
),

keyed as (
    select
        *,
        case
            when refund_id is not null then coalesce(sku, '')
            else '#' || row_number() over (partition by _load_id, _group_key order by _row_number)
        end as _item_key
    from grouped
),

judged as (
    select
        keyed.*,
        keyed._group_key || '|' || keyed._item_key as _row_key,
        -- The group of a refund without an order is made of its buyer's addresses, and is not for showing.
        case
            when keyed.refund_id is not null then keyed.refund_id
            when keyed.order_id is not null
                then keyed.order_id || '|' || keyed.refunded_at_text || '|' || keyed._item_key
            else keyed.refunded_at_text || '|' || keyed._load_id || '|' || keyed._row_number
        end as source_refund_id,
        {{ load_order_only() }} as version_at,
        case
            when keyed.system is null then 'key_missing'
            when not {{ is_known_timezone('keyed.timezone') }} then 'timezone_unknown'
            when {{ is_nonexistent_time('keyed.refunded_at_text', 'keyed.timezone') }} then 'time_does_not_exist'
            when keyed.refunded_at is null then 'refunded_at_not_a_time'
            when keyed.currency is not null and not {{ is_currency('keyed.currency') }} then 'currency_unknown'
            when keyed.amount is null then 'amount_not_a_number'
            when keyed.quantity_text is not null and keyed.quantity is null then 'quantity_not_a_number'
        end as _broken_rule,
        loads._loaded_at
    from keyed
    left join loads on keyed._load_id = loads.load_id
)

select * from judged
