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

{# The customer of each touch, told by the columns `key`: whoever is known by the touch itself, else the one person known in
   its session, else the only one ever known on its device, else whoever was known there before and after it within 30 days,
   else the record's own. `touches` has the key, session_id, session_device, occurred_at, known_customer_id (NULL where the
   touch names nobody) and record_customer_id. #}
{% macro customers_of_touches(touches, key) -%}
    {%- set order_in_device -%} partition by touches.session_device order by touches.occurred_at, touches.{{ key[-1] }} {%- endset -%}
    {%- set session = key[:-1] + ['session_id'] -%}
    with device_people as (
        select
            session_device,
            count(distinct known_customer_id) as people,
            min(known_customer_id) as only_customer_id
        from {{ touches }}
        where known_customer_id is not null
        group by session_device
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

    -- Only devices that two people used need a look at who was known before and after.
    shared_device_touches as (
        select
            {% for column in key %}touches.{{ column }},
            {% endfor -%}
            last_value(touches.known_customer_id ignore nulls) over before_touch as before_customer_id,
            last_value(
                case when touches.known_customer_id is not null then touches.occurred_at end ignore nulls
            ) over before_touch as before_at,
            first_value(touches.known_customer_id ignore nulls) over after_touch as after_customer_id,
            first_value(
                case when touches.known_customer_id is not null then touches.occurred_at end ignore nulls
            ) over after_touch as after_at
        from {{ touches }} as touches
        inner join device_people on touches.session_device = device_people.session_device and device_people.people > 1
        window
            before_touch as ({{ order_in_device }} rows between unbounded preceding and current row),
            after_touch as ({{ order_in_device }} rows between current row and unbounded following)
    )

    select
        {% for column in key %}touches.{{ column }},
        {% endfor -%}
        case
            when touches.known_customer_id is not null then touches.known_customer_id
            when session_people.people = 1 then session_people.only_customer_id
            when device_people.people = 1 then device_people.only_customer_id
            when
                shared_device_touches.before_customer_id = shared_device_touches.after_customer_id
                and epoch(shared_device_touches.after_at) - epoch(shared_device_touches.before_at) <= 30 * 86400
                then shared_device_touches.before_customer_id
            else touches.record_customer_id
        end as customer_id
    from {{ touches }} as touches
    left join session_people
        on {% for column in session %}touches.{{ column }} = session_people.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    left join device_people on touches.session_device = device_people.session_device
    left join shared_device_touches
        on {% for column in key %}touches.{{ column }} = shared_device_touches.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}
