{# Who is held out of an audience, and when a message may be sent. #}

{# Below the share of all values that the first 12 hexadecimal digits of a keyed hash can have. #}
{% macro is_held_out(audience, customer_id, share, keys) -%}
    cast(
        '0x' || left({{ hmac_sha256("'holdout' || chr(31) || " ~ audience ~ " || chr(31) || " ~ customer_id, keys) }}, 12)
        as bigint
    ) < {{ share }} * 281474976710656
{%- endmacro %}

{# The moment at which a clock in the zone shows a time; of two, when clocks are put back, the later one. #}
{% macro moment_of(local_time, zone) -%}
    case
        when
            timezone({{ zone }}, timezone({{ zone }}, {{ local_time }}) + interval 1 hour) = {{ local_time }}
            then timezone({{ zone }}, {{ local_time }}) + interval 1 hour
        else timezone({{ zone }}, {{ local_time }})
    end
{%- endmacro %}
