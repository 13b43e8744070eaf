{#
  Customer features: windows of days that end with the as-of date, and when they change without any record.
#}

{#- Whether an order lies in the last so many days, the as-of date included. -#}
{% macro in_window(days) -%}
(reporting_date > as_of_date - {{ days }} and reporting_date <= as_of_date)
{%- endmacro %}

{#- An order changes the windows on its own day and 30, 90 and 365 days later: the last of these days that has come. -#}
{% macro last_window_change() -%}
case
    {%- for days in [365, 90, 30, 0] %}
    when reporting_date + {{ days }} <= as_of_date then reporting_date + {{ days }}
    {%- endfor %}
end
{%- endmacro %}

{#- And the first of them that has not. -#}
{% macro next_window_change() -%}
case
    {%- for days in [0, 30, 90, 365] %}
    when reporting_date + {{ days }} > as_of_date then reporting_date + {{ days }}
    {%- endfor %}
end
{%- endmacro %}

{#- Whose windows are not those of tonight's as-of date: it moved on, or back. -#}
{% macro windows_moved() -%}
built._stands_until <= (select as_of_date from {{ source('ops', 'run_parameters') }})
or built._stands_from > (select as_of_date from {{ source('ops', 'run_parameters') }})
{%- endmacro %}

{#- NULL without a whole. -#}
{% macro share_of(part, whole) -%}
cast(coalesce({{ part }}, 0) / nullif({{ whole }}, 0) as decimal(9, 6))
{%- endmacro %}

{#- The instants at which windows of days begin and end: one row, so that no touch is asked for its day. -#}
{% macro window_bounds() -%}
select
    {%- for days in [30, 90, 365] %}
    timezone({{ reporting_timezone() }}, cast(as_of_date - {{ days - 1 }} as timestamp)) as from_{{ days }}d,
    {%- endfor %}
    timezone({{ reporting_timezone() }}, cast(as_of_date + 1 as timestamp)) as until
from {{ source('ops', 'run_parameters') }}
{%- endmacro %}

{#- The touches of the last 30 days that count as behaviour. -#}
{% macro recent_touches(bounds) -%}
select
    touchpoints.customer_id,
    touchpoints.touchpoint_type,
    touchpoints.is_session_start,
    touchpoints.occurred_at
from {{ ref('touchpoints') }} as touchpoints
inner join {{ bounds }} as bounds on touchpoints.occurred_at >= bounds.from_30d and touchpoints.occurred_at < bounds.until
where
    touchpoints.customer_id is not null
    and touchpoints.touchpoint_type in (
        'page_view', 'product_view', 'add_to_cart', 'checkout_started', 'checkout_abandoned', 'ad_click',
        'store_visit', 'call_in', 'sign_up', 'message_sent', 'message_opened', 'message_clicked'
    )
{%- endmacro %}

{#- Tickets and calls up to the as-of date, and in which windows they are. -#}
{% macro tickets_by_the_as_of(bounds) -%}
select
    service_tickets.customer_id,
    service_tickets.ticket_id,
    service_tickets.category,
    service_tickets.csat_score,
    service_tickets.same_question_count,
    service_tickets.created_at,
    service_tickets.status in ('new', 'open', 'pending', 'hold') as is_open,
    service_tickets.created_at >= bounds.from_30d as is_in_30d,
    service_tickets.created_at >= bounds.from_90d as is_in_90d,
    service_tickets.created_at >= bounds.from_365d as is_in_365d
from {{ ref('service_tickets') }} as service_tickets
inner join {{ bounds }} as bounds on service_tickets.created_at < bounds.until
where service_tickets.customer_id is not null and service_tickets.status <> 'deleted'
{%- endmacro %}
