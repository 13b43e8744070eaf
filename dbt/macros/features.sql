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

{#- The touches of the last 30 days that count as behaviour, with their day. -#}
{% macro recent_touches() -%}
select *
from (
    select
        touchpoints.customer_id,
        touchpoints.touchpoint_type,
        touchpoints.is_session_start,
        touchpoints.occurred_at,
        {{ reporting_date('touchpoints.occurred_at') }} as reporting_date,
        run_parameters.as_of_date
    from {{ ref('touchpoints') }} as touchpoints
    cross join {{ source('ops', 'run_parameters') }} as run_parameters
    where
        touchpoints.customer_id is not null
        -- Two days more than are counted, whatever the reporting zone.
        and touchpoints.occurred_at > run_parameters.as_of_date - 32
        and touchpoints.touchpoint_type in (
            'page_view', 'product_view', 'add_to_cart', 'checkout_started', 'checkout_abandoned', 'ad_click',
            'store_visit', 'call_in', 'sign_up', 'message_sent', 'message_opened', 'message_clicked'
        )
) as dated
where reporting_date > as_of_date - 30 and reporting_date <= as_of_date
{%- endmacro %}

{#- Tickets and calls up to the as-of date, with their day. -#}
{% macro tickets_by_the_as_of() -%}
select *
from (
    select
        service_tickets.*,
        {{ reporting_date('service_tickets.created_at') }} as reporting_date,
        service_tickets.status in ('new', 'open', 'pending', 'hold') as is_open,
        coalesce(
            service_tickets.csat_score = 0
            or regexp_matches(lower(service_tickets.category), 'complain|beschwerde|投诉|投訴'),
            false
        ) as is_complaint,
        run_parameters.as_of_date
    from {{ ref('service_tickets') }} as service_tickets
    cross join {{ source('ops', 'run_parameters') }} as run_parameters
    where service_tickets.customer_id is not null and service_tickets.status <> 'deleted'
) as dated
where reporting_date <= as_of_date
{%- endmacro %}
