{#
  Sessions, and the people behind the touches of a shared device: one rule for web events and for the touches of mapped
  exports.
#}

{# The rows of `touches` with `is_session_start` and `session_number` within their device. A session ends with a silence of
   more than 30 minutes, or with a new click id or campaign. `touches` has session_device, occurred_at, click_id and
   campaign_key; `id` tells touches of one instant apart. #}
{% macro with_sessions(touches, id) -%}
    with previous as (
        select
            *,
            lag(occurred_at) over (partition by session_device order by occurred_at, {{ id }}) as _previous_at,
            last_value(click_id ignore nulls) over earlier_touches as _previous_click_id,
            last_value(campaign_key ignore nulls) over earlier_touches as _previous_campaign_key
        from {{ touches }}
        window
            earlier_touches as (
                partition by session_device
                order by occurred_at, {{ id }}
                rows between unbounded preceding and 1 preceding
            )
    ),

    started as (
        select
            * exclude (_previous_at, _previous_click_id, _previous_campaign_key),
            coalesce(
                _previous_at is null
                or epoch(occurred_at) - epoch(_previous_at) > 1800
                or (click_id is not null and click_id is distinct from _previous_click_id)
                or (campaign_key is not null and campaign_key is distinct from _previous_campaign_key),
                true
            ) as is_session_start
        from previous
    )

    select
        *,
        sum(case when is_session_start then 1 else 0 end) over (
            partition by session_device
            order by occurred_at, {{ id }}
            rows between unbounded preceding and current row
        ) as session_number
    from started
{%- endmacro %}

{# One spelling of a device, as the stitching has it: a UUID in lower case with its hyphens, anything else as it is. Systems
   that show the same UUID mean one device. #}
{% macro device_key(device) -%}
    case
        when regexp_full_match({{ device }}, '\{?[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}\}?')
            then regexp_replace(
                lower(translate({{ device }}, '{}-', '')),
                '(.{8})(.{4})(.{4})(.{4})(.{12})',
                '\1-\2-\3-\4-\5'
            )
        else {{ device }}
    end
{%- endmacro %}

{# The customer of each touch, told by the columns `key`: whoever is known by the touch itself, else the one person known in
   its session, else the only one ever known on its device, else whoever was the nearest known there both before and after it,
   at most 30 days apart, else the record's own. `touches` has the key, session_id, device_key, occurred_at,
   known_customer_id (NULL where the touch names nobody) and record_customer_id; `identifications` is
   int_touchpoints__identifications. #}
{% macro customers_of_touches(touches, key, identifications) -%}
    {%- set session = key[:-1] + ['session_id'] -%}
    with device_people as (
        select
            device_key,
            count(distinct customer_id) as people,
            min(customer_id) as only_customer_id
        from {{ identifications }}
        group by device_key
    ),

    session_people as (
        select
            {{ session | join(', ') }},
            count(distinct known_customer_id) as people,
            min(known_customer_id) as only_customer_id
        from {{ touches }}
        where known_customer_id is not null and session_id is not null
        group by {{ session | join(', ') }}
    ),

    -- Only devices that two people used need a look at who was known before and after. Of two at one moment nobody was.
    moments as (
        select
            device_key,
            occurred_at,
            true as is_identification,
            case when count(distinct customer_id) = 1 then min(customer_id) end as customer_id
        from {{ identifications }}
        group by device_key, occurred_at
        union all
        select distinct
            touches.device_key,
            touches.occurred_at,
            false as is_identification,
            cast(null as varchar) as customer_id
        from {{ touches }} as touches
        inner join device_people on touches.device_key = device_people.device_key and device_people.people > 1
        where touches.known_customer_id is null
    ),

    surrounded as (
        select
            device_key,
            occurred_at,
            is_identification,
            max(case when is_identification then occurred_at end) over before_moment as before_at,
            min(case when is_identification then occurred_at end) over after_moment as after_at
        from moments
        window
            before_moment as (
                partition by device_key order by occurred_at
                range between unbounded preceding and current row
            ),
            after_moment as (
                partition by device_key order by occurred_at
                range between current row and unbounded following
            )
    ),

    enclosed as (
        select
            surrounded.device_key,
            surrounded.occurred_at,
            identified_before.customer_id
        from surrounded
        inner join moments as identified_before
            on
                surrounded.device_key = identified_before.device_key
                and surrounded.before_at = identified_before.occurred_at
                and identified_before.is_identification
        inner join moments as identified_after
            on
                surrounded.device_key = identified_after.device_key
                and surrounded.after_at = identified_after.occurred_at
                and identified_after.is_identification
        where
            not surrounded.is_identification
            and identified_before.customer_id = identified_after.customer_id
            and epoch(surrounded.after_at) - epoch(surrounded.before_at) <= 30 * 86400
    )

    select
        {% for column in key %}touches.{{ column }},
        {% endfor -%}
        coalesce(
            touches.known_customer_id,
            case when session_people.people = 1 then session_people.only_customer_id end,
            case when device_people.people = 1 then device_people.only_customer_id end,
            enclosed.customer_id,
            touches.record_customer_id
        ) as customer_id
    from {{ touches }} as touches
    left join session_people
        on {% for column in session %}touches.{{ column }} = session_people.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    left join device_people on touches.device_key = device_people.device_key
    left join enclosed on touches.device_key = enclosed.device_key and touches.occurred_at = enclosed.occurred_at
{%- endmacro %}
