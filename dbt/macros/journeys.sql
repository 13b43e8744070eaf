{#
  Journeys, as journeys.csv tells them. What a line means, and when a run through a journey begins and ends, stands in
  docs/journeys.md.
#}

{# The number of the last step of any journey: how long the chain of steps has to be. Eight at most, which is checked before a
   run; while a project is only parsed, eight. #}
{% macro last_journey_step() %}
    {% if execute %}
        {% set seed = ref('journeys') %}
        {% if adapter.get_relation(seed.database, seed.schema, seed.identifier) %}
            {% set found = run_query("select coalesce(max(step), 1) from " ~ seed).columns[0].values()[0] %}
            {% do return(found | int) %}
        {% endif %}
    {% endif %}
    {% do return(8) %}
{% endmacro %}

{# 12h, 7d or 30m in microseconds; NULL for an empty cell. #}
{% macro allowed_microseconds(within) -%}
    cast(left({{ within }}, -1) as bigint)
    * case right({{ within }}, 1) when 'd' then 86400000000 when 'h' then 3600000000 else 60000000 end
{%- endmacro %}

{# Which of two touches of one instant comes first: in the order in which a visit goes on. Types that only an export names
   come last. #}
{% macro touchpoint_rank(touchpoint_type) -%}
    coalesce(
        list_position(
            [
                'message_sent', 'message_delivered', 'message_opened', 'ad_click', 'message_clicked', 'page_view',
                'call_in', 'store_visit', 'sign_up', 'identified', 'product_view', 'add_to_cart', 'checkout_started',
                'checkout_abandoned', 'order', 'checkout_completed', 'ticket_opened', 'call_out', 'ticket_solved',
                'refund', 'review', 'message_bounced', 'message_unsubscribed', 'other_event'
            ],
            {{ touchpoint_type }}
        ),
        99
    )
{%- endmacro %}

{# Where the runs begin that are taken, of a list of runs in the order of their starts: the first, then each time the first that
   begins when the one taken last is over. The linter reads no lambda of two names. #}
{% macro one_after_another(runs) -%}
    {%- if execute -%}
    list_reduce(
        {{ runs }},
        lambda taken, run: case
            when
                run.position > taken.position
                and run.position >= taken.over_position
                and run.started > taken.over
                then {
                    'starts': list_concat(taken.starts, run.starts),
                    'position': run.position,
                    'started': run.started,
                    'over_position': run.over_position,
                    'over': run.over
                }
            else taken
        end
    ).starts
    {%- else -%}
    list(start_position)
    {%- endif -%}
{%- endmacro %}

{# A run that waits for its next step is left once the allowed time has passed as of tonight; until then it is open. #}
{% macro waiting_or_left(over_at) -%}
    case when {{ over_at }} < (select as_of from {{ source('ops', 'run_parameters') }}) then 'left' else 'open' end
{%- endmacro %}

{# Before a night's rows are added: the runs of everybody else whose time has passed since, or has not any more. #}
{% macro settle_waiting_runs() -%}
{%- if is_incremental() -%}
update {{ this }}
set run_status = {{ waiting_or_left('over_at') }}, _loaded_at = current_timestamp
where run_status in ('open', 'left') and run_status <> {{ waiting_or_left('over_at') }}
{%- else -%}
select 1
{%- endif -%}
{%- endmacro %}
