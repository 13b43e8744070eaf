{# Whether a line of order_rules.csv gives an order or a refund this meaning. Expressions for what the row has of the fields; a
   tag stands in a list parted by commas. The lines are read once as lists of `<source>/<word>`: a join by four fields would
   compare each order with each line. #}
{% macro has_order_rule(meaning, source_system, payment_method, channel=none, tags=none, email=none) -%}
    {%- set words = {'payment_method': payment_method, 'channel': channel, 'email': email, 'tag': tags} -%}
(
    {%- for field, column in words.items() if column %}
    {%- set word = "coalesce(lower(" ~ column ~ "), '')" %}
    {% if not loop.first %}or {% endif -%}
    list_has_any(
        coalesce((
            select list(coalesce(rules.source_system, '') || '/' || lower(rules.value))
            from {{ ref('order_rules') }} as rules
            where rules.meaning = '{{ meaning }}' and rules.field = '{{ field }}'
        ), cast([] as varchar[])),
        {% if field == 'tag' -%}
        list_concat(
            list_transform(string_split({{ word }}, ','), lambda tag: '/' || trim(tag)),
            list_transform(string_split({{ word }}, ','), lambda tag: {{ source_system }} || '/' || trim(tag))
        )
        {%- else -%}
        ['/' || {{ word }}, {{ source_system }} || '/' || {{ word }}]
        {%- endif %}
    )
    {%- endfor %}
)
{%- endmacro %}

{# What kind of reduction a refund is, by the way the money was given back. #}
{% macro refund_kind(source_system, payment_method) -%}
case
    when {{ has_order_rule('exchange', source_system, payment_method) }} then 'exchange'
    when {{ has_order_rule('chargeback', source_system, payment_method) }} then 'chargeback'
    else 'refund'
end
{%- endmacro %}
