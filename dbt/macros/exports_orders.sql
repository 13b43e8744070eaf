{# The columns of raw orders and order lines that speak of the order, and of its buyer, by how they are read. #}

{% macro buyer_texts() %}
    {% do return([
        'customer_key', 'phone', 'email', 'member_no', 'union_id', 'open_id', 'full_name', 'given_name', 'family_name',
        'gender', 'street', 'city', 'province', 'country', 'postcode',
    ]) %}
{% endmacro %}

{% macro order_texts() %}
    {% do return([
        'order_name', 'currency', 'payment_method', 'store_id', 'channel', 'timezone',
    ]) %}
{% endmacro %}

{# When an order was paid, sent and received, as far as its export says. #}
{% macro order_times() %}
    {% do return(['paid_at', 'shipped_at', 'delivered_at']) %}
{% endmacro %}

{# What staged orders and staged lines both say of an order, its amounts apart. #}
{% macro staged_order_columns() %}
    {% do return(order_texts() + ['status', 'ordered_at', 'order_date'] + order_times() + ['birth_date'] + buyer_texts()) %}
{% endmacro %}

{# Typed columns of one row of raw orders or lines; every raw column is there as `<column>_text`, trimmed. #}
{% macro typed_order_columns() -%}
        {% for column in order_texts() + buyer_texts() -%}
        {{ 'upper(texts.currency_text)' if column == 'currency' else 'texts.' ~ column ~ '_text' }} as {{ column }},
        {% endfor -%}
        lower(texts.status_text) as status_word,
        {{ to_instant('texts.ordered_at_text', 'texts.timezone_text') }} as ordered_at,
        {{ business_date('texts.ordered_at_text', 'texts.timezone_text') }} as order_date,
        {% for column in order_times() -%}
        {{ to_instant('texts.' ~ column ~ '_text', 'texts.timezone_text') }} as {{ column }},
        {% endfor -%}
        {{ to_date('texts.birth_date_text') }} as birth_date
{%- endmacro %}

{# The first rule about the order that a row of raw orders or lines breaks; a missing time is another rule's to name. #}
{% macro broken_order_rule(amounts) -%}
    case
        when not {{ is_known_timezone('typed.timezone') }} then 'timezone_unknown'
        when
            {{ is_nonexistent_time('typed.ordered_at_text', 'typed.timezone') }}
            {%- for column in order_times() %}
            or {{ is_nonexistent_time('typed.' ~ column ~ '_text', 'typed.timezone') }}
            {%- endfor %}
            then 'time_does_not_exist'
        when typed.ordered_at_text is not null and typed.ordered_at is null then 'ordered_at_not_a_time'
        {%- for column in order_times() %}
        when typed.{{ column }}_text is not null and typed.{{ column }} is null then '{{ column }}_not_a_time'
        {%- endfor %}
        when typed.currency is not null and not {{ is_currency('typed.currency') }} then 'currency_unknown'
        when typed.status_text is not null and statuses.meaning is null then 'status_unknown'
        when
            {%- for amount in amounts %}
            {{ 'or ' if not loop.first }}(typed.{{ amount }}_text is not null and typed.{{ amount }} is null)
            {%- endfor %}
            then 'amount_not_a_number'
        when typed.birth_date_text is not null and typed.birth_date is null then 'birth_date_not_a_date'
    end
{%- endmacro %}

{# The rule in words; where a rule file can mend it, with the line that it lacks. #}
{% macro order_reason(rule, status_word) -%}
    case
        when {{ rule }} = 'status_unknown'
            then 'status unknown: add "' || coalesce({{ status_word }}, '') || '" and what it means to rules/order_statuses.csv'
        else replace({{ rule }}, '_', ' ')
    end
{%- endmacro %}

{# Prices of goods sold by the thousand have more places than money. #}
{% macro to_unit_price(column) -%}
    try_cast({{ column }} as decimal(18, 6))
{%- endmacro %}

{# What kind of record a row's buyer is: a customer by the system's own key, somebody with an address, a bare name, or NULL. #}
{% macro buyer_record_type(alias, has_names=true) -%}
        case
            when {{ alias }}.customer_key is not null then 'customer'
            when
                coalesce(
                    {{ alias }}.phone, {{ alias }}.email, {{ alias }}.member_no, {{ alias }}.union_id, {{ alias }}.open_id
                ) is not null
                then 'guest_order'
            {%- if has_names %}
            when
                {{ alias }}.full_name is not null
                or ({{ alias }}.given_name is not null and {{ alias }}.family_name is not null)
                then 'name_only'
            {%- endif %}
        end
{%- endmacro %}

{# The id of the buyer's record where only a refund names them; no order has it. #}
{% macro refund_record_id(alias) -%}
    coalesce({{ alias }}.customer_key, 'refund-' || {{ alias }}.source_refund_id)
{%- endmacro %}

{# Whether a way of paying means that the goods are paid when they arrive, in the words that shops use. #}
{% macro is_cash_on_delivery(payment_method) -%}
    regexp_matches(
        lower(coalesce({{ payment_method }}, '')), 'cash[ _-]?on[ _-]?delivery|\bcod\b|货到付款'
    )
{%- endmacro %}
