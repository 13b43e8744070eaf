{#
  Contact points, and what somebody decided about them. Which kinds of consent and contact there are, and the keyed hash by
  which decisions name a contact point without telling it.
#}

{# What is asked of each contact point tonight: marketing through its own channel and by advertisements, and whatever the
   audiences want. #}
{% macro asked_consents() %}
    select
        reached.contact_type,
        reached.channel,
        asked.purpose,
        reached.own_channel
    from (
        values
        ('email', 'email', 'email'),
        ('phone', 'sms', 'sms'),
        ('union_id', 'wecom', 'wecom'),
        ('email', 'ads', 'email'),
        ('phone', 'ads', 'sms')
    ) as reached (contact_type, channel, own_channel)
    inner join (
        select
            channels.channel,
            'marketing' as purpose
        from (values ('email'), ('sms'), ('wecom'), ('ads')) as channels (channel)
        union
        select
            consent_channel,
            purpose
        from {{ source('ops', 'audience_rules') }}
        where error is null
    ) as asked on reached.channel = asked.channel
{% endmacro %}

{# What a message can be sent to; NULL for what only looks like it. Nothing else gets into a file. #}
{% macro address_of(contact_type, value, contact) -%}
    case {{ contact_type }}
        when 'email' then nullif(
            regexp_extract({{ value }}, '(?:^|<|^mailto:)([a-z0-9_][^\s<>:,;"()\\]*@[a-z0-9][a-z0-9.-]*\.[a-z0-9-]+)>?$', 1), ''
        )
        when 'phone' then case when regexp_full_match({{ contact }}, '\+[1-9][0-9]{5,14}') then {{ contact }} end
        when 'union_id' then case when regexp_full_match({{ contact }}, '[A-Za-z0-9_][A-Za-z0-9_-]{5,127}') then {{ contact }} end
    end
{%- endmacro %}

{# HMAC-SHA256 (RFC 2104) of a text, in hexadecimal digits. `keys` has the two blocks that are made of the key. #}
{% macro hmac_sha256(message, keys) -%}
    sha256({{ keys }}.outer_block || unhex(sha256({{ keys }}.inner_block || encode({{ message }}))))
{%- endmacro %}

{% macro contact_hash(contact_type, contact, keys) -%}
    {{ hmac_sha256("'contact' || chr(31) || " ~ contact_type ~ " || chr(31) || " ~ contact, keys) }}
{%- endmacro %}
