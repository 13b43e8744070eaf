{#
  Of whom a row of a mapped export speaks. Its columns `system`, `customer_key`, `phone`, `email`, `member_no`, `union_id`,
  `open_id` and, for touchpoints, `device_id` and `click_id` have been through to_text().

  A row with the system's own key of a customer speaks of that customer. Without one it speaks of whoever is behind the
  address it names; without an address of a device, or else of a click on an advertisement.
#}

{% macro identifier_columns() %}
    {% do return(['customer_key', 'phone', 'email', 'member_no', 'union_id', 'open_id']) %}
{% endmacro %}

{# Whether an address was hashed before it was delivered, as ad platforms do: SHA-256 in hexadecimal. #}
{% macro is_hashed(column) -%}
    regexp_full_match({{ column }}, '(?i)(sha-?256:)?[0-9a-f]{64}')
{%- endmacro %}

{# A phone number's digits and its plus; nothing more is done to it here, since the stitching normalises what it compares.
   A hashed number has no digits to take out. #}
{% macro phone_digits(column) -%}
    case
        when {{ is_hashed(column) }} then lower({{ column }})
        else nullif(regexp_replace(translate({{ column }}, '０１２３４５６７８９＋', '0123456789+'), '[^0-9+]', '', 'g'), '')
    end
{%- endmacro %}

{# The address a row names, the first that it has: in one spelling, so that a person's rows come together. #}
{% macro address_of_row(alias) -%}
    coalesce(
        {{ phone_digits(alias ~ '.phone') }},
        lower({{ alias }}.email),
        'open_id:' || {{ alias }}.open_id,
        'union_id:' || {{ alias }}.union_id,
        'member_no:' || {{ alias }}.member_no
    )
{%- endmacro %}

{# `record_type` and `source_record_id` of the one a row speaks of; `address_type` is what its system calls somebody known
   by an address only. NULL for a row that names nobody. #}
{% macro record_of_row(alias, address_type, anonymous=false) -%}
    case
        when {{ alias }}.customer_key is not null then 'customer'
        when {{ address_of_row(alias) }} is not null then '{{ address_type }}'
        {%- if anonymous %}
        when {{ alias }}.device_id is not null then 'device'
        when {{ alias }}.click_id is not null then 'click'
        {%- endif %}
    end as record_type,
    coalesce(
        {{ alias }}.customer_key,
        {{ address_of_row(alias) }}
        {%- if anonymous %},
        {{ alias }}.device_id,
        {{ alias }}.click_id
        {%- endif %}
    ) as source_record_id
{%- endmacro %}

{# A device id that is a UUID means the same device in every system; any other is known in its own system only. #}
{% macro device_value(system, device_id) -%}
    case
        when regexp_full_match({{ device_id }}, '\{?[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}\}?')
            then {{ device_id }}
        else {{ system }} || ':' || {{ device_id }}
    end
{%- endmacro %}

{# The identifiers of a row, a row each with `contact_type` and `contact_value`, as a FROM item beside its table. The type
   `named_as` only says that the record was named. An OpenID belongs to one app, so it counts within its system; a UnionID and
   a member number are the company's, whichever system shows them. #}
{% macro identifiers_of_row(alias, record_id, named_as='record', anonymous=false) -%}
    lateral (
        select
            unnest([
                '{{ named_as }}', 'phone', 'email', 'member_no', 'union_id', 'openid'
                {%- if anonymous %}, 'device', 'click_id'{% endif %}
            ]) as contact_type,
            unnest([
                {{ record_id }},
                {{ alias }}.phone,
                {{ alias }}.email,
                {{ alias }}.member_no,
                {{ alias }}.union_id,
                {{ alias }}.system || ':' || {{ alias }}.open_id
                {%- if anonymous %},
                {{ device_value(alias ~ '.system', alias ~ '.device_id') }},
                {{ alias }}.click_id
                {%- endif %}
            ]) as contact_value
    )
{%- endmacro %}

{# Whether an id plainly comes from a machine: up to ten digits, a UUID, or a short prefix and a number. Any other id of an
   export may be a name that a person gave themselves, or be made of one, and is published as its keyed hash. #}
{% macro is_plain_id(column) -%}
    regexp_full_match(
        {{ column }},
        '[0-9]{1,10}'
        || '|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'
        || '|([A-Z]{1,5}[-_/#]?|[a-z]{1,5}[-_/#]|#)((19|20)[0-9]{2}[-_/])?[0-9]{1,9}'
    )
{%- endmacro %}

{# The same of a key as the quarantine shows it, which begins with the system. #}
{% macro is_plain_key(column) -%}
    {{ is_plain_id("regexp_replace(" ~ column ~ ", '^[^|]*\\|', '')") }}
{%- endmacro %}

{# The name under which an id that is not plain waits for its hash in int_identity__published_ids. #}
{% macro personal_id(kind, system, id) -%}
    '{{ kind }}/' || {{ system }} || '/' || {{ id }}
{%- endmacro %}

{# What is published of a row's id; `hashes` is int_identity__published_ids, joined by personal_id(). #}
{% macro published_id(column, hashes) -%}
    case when {{ is_plain_id(column) }} then {{ column }} else {{ hashes }}.published_id end
{%- endmacro %}
