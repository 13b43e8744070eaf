{#
  What the advertising platforms ask of a conversion's identifiers. The layouts of their files are the writer's business.
#}

{# The parameter by which a platform marks the clicks on its advertisements. #}
{% macro click_id_type_of(platform) -%}
    case {{ platform }} when 'google_ads' then 'gclid' when 'meta_ads' then 'fbclid' when 'oceanengine' then 'clickid' end
{%- endmacro %}

{# What comes from an address bar is anybody's text: only what looks like a click id goes into a file. #}
{% macro is_click_id(click_id) -%}
    regexp_full_match({{ click_id }}, '[A-Za-z0-9][A-Za-z0-9_.~+/=%-]{0,499}')
{%- endmacro %}

{# An address as the platform compares it: trimmed and in lower case. Google also wants the dots before gmail.com and
   googlemail.com gone; a plus part stays with both. NULL for what is no plain address, such as one delivered as a hash. #}
{% macro normal_email(platform, email) -%}
    {%- set address -%} regexp_extract(lower({{ email }}), '([^\s<>:]+@[^\s<>]+)', 1) {%- endset -%}
    case
        when {{ address }} = '' then null
        when
            {{ platform }} = 'google_ads'
            and split_part({{ address }}, '@', 2) in ('gmail.com', 'googlemail.com')
            then replace(split_part({{ address }}, '@', 1), '.', '') || '@' || split_part({{ address }}, '@', 2)
        else {{ address }}
    end
{%- endmacro %}

{# A number in E.164 as the platform compares it: with the plus at Google, digits alone at Meta. NULL for what is none. #}
{% macro normal_phone(platform, phone) -%}
    case
        when not regexp_full_match({{ phone }}, '\+[1-9][0-9]{5,14}') then null
        when {{ platform }} = 'google_ads' then {{ phone }}
        else substr({{ phone }}, 2)
    end
{%- endmacro %}
