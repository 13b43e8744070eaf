{# What an order's shipping cost after its discounts, as charged: lines that were removed by an edit do not count. Older
   API versions lack discounted_price; there the line's own discounts are taken off its price. #}
{% macro shopify_shipping_amount(column) -%}
    {%- set charges -%}
        list_transform(
            from_json(
                {{ column }},
                '[{"price": "VARCHAR", "discounted_price": "VARCHAR", "is_removed": "VARCHAR", "discount_allocations": [{"amount": "VARCHAR"}]}]'
            ),
            lambda line: case
                when coalesce(line.is_removed, 'false') = 'true' then cast(0 as {{ money_type() }})
                when line.discounted_price is not null then {{ to_money('line.discounted_price') }}
                else {{ to_money('line.price') }} - coalesce(
                    list_sum(list_transform(line.discount_allocations, lambda part: {{ to_money('part.amount') }})), 0
                )
            end
        )
    {%- endset -%}
    case
        when list_contains(list_transform({{ charges }}, lambda amount: amount is null), true) then null
        else cast(coalesce(list_sum({{ charges }}), 0) as {{ money_type() }})
    end
{%- endmacro %}

{# What a refund gave back: its successful refund transactions, in the shop's currency. NULL when one is not a number, or is
   in another currency without the shop's amount beside it. #}
{% macro shopify_refunded_amount(column, currency) -%}
    {%- set parts -%}
        list_transform(
            list_filter(
                from_json(
                    json_extract({{ column }}, '$.transactions'),
                    '[{"kind": "VARCHAR", "status": "VARCHAR", "amount": "VARCHAR", "currency": "VARCHAR", "amount_set": {"shop_money": {"amount": "VARCHAR"}}}]'
                ),
                lambda part: part.kind = 'refund' and part.status = 'success'
            ),
            lambda part: coalesce(
                {{ to_money('part.amount_set.shop_money.amount') }},
                case when coalesce(part.currency, {{ currency }}) = {{ currency }} then {{ to_money('part.amount') }} end
            )
        )
    {%- endset -%}
    case
        when list_contains(list_transform({{ parts }}, lambda amount: amount is null), true) then null
        else cast(coalesce(list_sum({{ parts }}), 0) as {{ money_type() }})
    end
{%- endmacro %}

{# A marketing consent as a decision: asked and given, or withdrawn. Never asked, pending and invalid are no decision. #}
{% macro shopify_consent(column) -%}
    case {{ json_text(column, '$.state') }}
        when 'subscribed' then true
        when 'unsubscribed' then false
        when 'redacted' then false
    end
{%- endmacro %}
