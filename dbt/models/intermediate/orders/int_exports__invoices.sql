-- Grain: one row per order number of a mapped export: a sale, a return, or both.
{{ config(materialized='table') }}
{%- set amounts = ['gross_amount', 'discount_amount', 'shipping_amount', 'tax_amount', 'net_amount'] %}
{%- set said_once = staged_order_columns() + amounts %}

with headers as (

    select * from {{ ref('stg_exports__orders') }}

),

lines as (

    select
        * exclude (discount_amount, net_amount),
        order_discount_amount as discount_amount,
        order_net_amount as net_amount,
        -- What the newest file says first holds.
        (_load_id, -_row_number) as precedence
    from {{ ref('stg_exports__order_lines') }}

),

counted as (

    select
        system,
        order_id,
        arg_max(source_system, precedence) as source_system,
        count(*) filter (where quantity >= 0) as sale_lines,
        count(*) filter (where quantity < 0 and original_order_id is null) as return_lines,
        count(*) filter (where quantity < 0 and original_order_id is not null) as refund_lines
    from lines
    group by system, order_id

),

-- Where orders are in a file of their own, lines say nothing of them.
said_on_lines as (

    select
        {%- for column in said_once %}
        arg_max({{ column }}, precedence) as {{ column }},
        {%- endfor %}
        system,
        order_id
    from lines
    where {{ said_once | join(' is not null or ') }} is not null
    group by system, order_id

),

joined as (

    select
        coalesce(headers.system, counted.system) as system,
        coalesce(headers.order_id, counted.order_id) as source_order_id,
        coalesce(headers.source_system, counted.source_system) as source_system,
        {%- for column in said_once %}
        coalesce(headers.{{ column }}, said_on_lines.{{ column }}) as {{ column }},
        {%- endfor %}
        headers.order_id is not null as has_header,
        coalesce(counted.sale_lines, 0) as sale_lines,
        coalesce(counted.return_lines, 0) as return_lines,
        coalesce(counted.refund_lines, 0) as refund_lines
    from headers
    full outer join counted on headers.system = counted.system and headers.order_id = counted.order_id
    left join said_on_lines
        on counted.system = said_on_lines.system and counted.order_id = said_on_lines.order_id

),

named as (

    select
        joined.*,
        {{ buyer_record_type('joined') }} as record_type,
        coalesce(joined.customer_key, joined.source_order_id) as source_record_id
    from joined

),

ruled as (

    select
        * exclude (status),
        case
            when
                {{ has_order_rule('test', 'named.system', 'named.payment_method', 'named.channel',
                                  email='named.email') }}
                then 'test'
            else status
        end as status
    from named

),

final as (

    select
        system || '-' || source_order_id as order_id,
        *,
        system || '/' || record_type || '/' || source_record_id as record_key,
        -- A bare date is the business date itself, whatever the zone.
        case
            when order_date = {{ local_date('ordered_at', "coalesce(timezone, " ~ reporting_timezone() ~ ")") }}
                then coalesce(timezone, {{ reporting_timezone() }})
            else {{ reporting_timezone() }}
        end as business_timezone,
        -- A header alone tells a return by its negative amount.
        sale_lines > 0
        or (return_lines + refund_lines = 0 and coalesce(net_amount, gross_amount, 0) >= 0) as is_sale,
        return_lines > 0
        or (sale_lines + refund_lines = 0 and coalesce(net_amount, gross_amount, 0) < 0) as is_return
    from ruled

)

select * from final
