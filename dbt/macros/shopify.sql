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

{# The fulfilments that truly left the house; one that was cancelled or failed did not. #}
{% macro shopify_parcels(column) -%}
    list_filter(
        from_json(
            {{ column }},
            '[{"status": "VARCHAR", "shipment_status": "VARCHAR", "created_at": "VARCHAR", "updated_at": "VARCHAR"}]'
        ),
        lambda parcel: coalesce(lower(parcel.status), 'success') = 'success'
    )
{%- endmacro %}

{% macro shopify_shipped_at(column) -%}
    list_min(list_transform({{ shopify_parcels(column) }}, lambda parcel: {{ to_time('parcel.created_at') }}))
{%- endmacro %}

{# Of a delivered parcel nothing changes any more, so the time of its last change is the delivery's. #}
{% macro shopify_delivered_at(column) -%}
    {%- set told -%}
        list_transform(
            {{ shopify_parcels(column) }},
            lambda parcel: case
                when lower(parcel.shipment_status) = 'delivered' then {{ to_time('parcel.updated_at') }}
            end
        )
    {%- endset -%}
    case when not list_contains(list_transform({{ told }}, lambda at_last: at_last is null), true) then list_max({{ told }}) end
{%- endmacro %}

{# A way of shipping is a shop's own word; a carrier's pick-up point is no store. #}
{% macro shopify_is_store_pickup(column) -%}
    {%- set ways -%}
        list_transform(
            from_json(
                {{ column }}, '[{"code": "VARCHAR", "title": "VARCHAR", "source": "VARCHAR"}]'
            ),
            lambda line: lower(concat_ws(' ', line.code, line.title, line.source))
        )
    {%- endset -%}
    coalesce(
        list_contains(
            list_transform(
                {{ ways }},
                lambda way: regexp_matches(way, 'pick[ _-]?up|click.{1,5}collect|自提|到店取|abholung|店頭受取')
                    and not regexp_matches(way, 'pick[ _-]?up.{0,3}(point|station|locker)|packstation')
            ),
            true
        ),
        false
    )
{%- endmacro %}
