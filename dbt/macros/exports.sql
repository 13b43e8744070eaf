{#
  Times of mapped exports. A raw time is one of three texts, and nothing else is a time:

      2026-01-05T09:30:00Z    an instant, because the cell said its offset (up to six digits of a second may follow)
      2026-01-05T09:30:00     a wall clock in the row's `timezone`, which is an IANA name, or NULL for the reporting zone
      2026-01-05              a business date; its instant is midnight in the reporting zone, and it is never shifted

  A wall clock that a zone skips, when clocks go forward, is no time at all; one that it shows twice is taken as the first
  of the two. DuckDB's names stay in this file.
#}

{% macro time_pattern(suffix='') -%}
    '[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?{{ suffix }}'
{%- endmacro %}

{% macro is_bare_date(column) -%}
    regexp_full_match({{ column }}, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
{%- endmacro %}

{% macro is_wall_clock(column) -%}
    regexp_full_match({{ column }}, {{ time_pattern() }})
{%- endmacro %}

{# Short names that the database knows and IANA does not are refused: CST is Chicago to one and Shanghai to another. #}
{% macro is_known_timezone(timezone) -%}
    (
        {{ timezone }} is null
        or {{ timezone }} in (
            select zones.name
            from pg_timezone_names() as zones
            where
                (length(zones.name) > 3 and zones.name not in ('Factory', 'Etc/Unknown'))
                or zones.name in (
                    'CET', 'EET', 'EST', 'GMT', 'HST', 'MET', 'MST', 'PRC', 'ROC', 'ROK', 'UCT', 'UTC', 'WET'
                )
        )
    )
{%- endmacro %}

{# The earliest instant at which clocks in the zone show this time. The database takes the last of two, so if the clock was
   set back in the two hours before, the steps that clocks are set back by are tried. #}
{% macro first_instant(wall_clock, zone) -%}
    {%- set instant -%} timezone({{ zone }}, {{ wall_clock }}) {%- endset -%}
    case
        when timezone({{ zone }}, {{ instant }} - interval '2 hours') = {{ wall_clock }} - interval '2 hours'
            then {{ instant }}
        {%- for step in ['2 hours', '1 hour', '30 minutes'] %}
        when timezone({{ zone }}, {{ instant }} - interval '{{ step }}') = {{ wall_clock }}
            then {{ instant }} - interval '{{ step }}'
        {%- endfor %}
        else {{ instant }}
    end
{%- endmacro %}

{# The instant of a raw time; NULL if it is none or its zone is not known. #}
{% macro to_instant(column, timezone) -%}
    case
        when {{ is_bare_date(column) }}
            then {{ first_instant('try_cast(' ~ column ~ ' as timestamp)', reporting_timezone()) }}
        when regexp_full_match({{ column }}, {{ time_pattern('Z') }})
            then try_cast({{ column }} as timestamp with time zone)
        when {{ is_wall_clock(column) }} and {{ is_known_timezone(timezone) }}
            then {{ first_instant(
                'try_cast(' ~ column ~ ' as timestamp)', 'coalesce(' ~ timezone ~ ', ' ~ reporting_timezone() ~ ')'
            ) }}
    end
{%- endmacro %}

{# Whether a raw time names a wall clock that its zone skips. #}
{% macro is_nonexistent_time(column, timezone) -%}
    {%- set wall_clock -%} try_cast({{ column }} as timestamp) {%- endset -%}
    {%- set zone -%} coalesce({{ timezone }}, {{ reporting_timezone() }}) {%- endset -%}
    coalesce(
        case
            when {{ is_wall_clock(column) }} and {{ is_known_timezone(timezone) }}
                then timezone({{ zone }}, timezone({{ zone }}, {{ wall_clock }})) <> {{ wall_clock }}
        end,
        false
    )
{%- endmacro %}

{# The business date of a raw time: as written, or for an instant the date that it was in the row's zone. #}
{% macro business_date(column, timezone) -%}
    case
        when {{ is_bare_date(column) }} or {{ is_wall_clock(column) }} then try_cast(left({{ column }}, 10) as date)
        when {{ is_known_timezone(timezone) }}
            then {{ local_date(
                to_instant(column, timezone), 'coalesce(' ~ timezone ~ ', ' ~ reporting_timezone() ~ ')'
            ) }}
    end
{%- endmacro %}

{# The first rule that the times of a row break; NULL for none. Each column has its raw text beside it as `<column>_text`;
   the `needed` ones cannot be missing. #}
{% macro broken_time_rule(columns, alias, needed=[]) -%}
    case
        when not {{ is_known_timezone(alias ~ '.timezone') }} then 'timezone_unknown'
        {%- for column in columns %}
        {%- set raw = alias ~ '.' ~ column ~ '_text' %}
        when {{ is_nonexistent_time(raw, alias ~ '.timezone') }} then 'time_does_not_exist'
        when {{ alias }}.{{ column }} is null{{ '' if column in needed else ' and ' ~ raw ~ ' is not null' }}
            then '{{ column }}_not_a_time'
        {%- endfor %}
    end
{%- endmacro %}

{# A word of an export as export_words.csv lists it: lower case, and one _ for whatever stands between its letters. #}
{% macro plain_word(column) -%}
    nullif(trim(regexp_replace(lower({{ column }}), '[^\p{L}\p{N}]+', '_', 'g'), '_'), '')
{%- endmacro %}

{# A text of a row, for publication: NULL when an address stands in it, a mailbox, a phone number with its country's prefix or
   of China's form, or the phone number that the row itself names. #}
{% macro without_address(column, phone=none) -%}
    case
        when
            not regexp_matches(
                {{ column }}, '@|＠|%40|\+[0-9][0-9 ()./-]{7,}|(^|[^0-9])1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}([^0-9]|$)'
            )
            {%- if phone %}
            and not coalesce(
                length({{ phone_digits(phone) }}) > 5
                and contains(regexp_replace({{ column }}, '[^0-9+]', '', 'g'), ltrim({{ phone_digits(phone) }}, '+')),
                false
            )
            {%- endif %}
            then {{ column }}
    end
{%- endmacro %}
