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

{# Each touch of a person up to tonight's as-of, with a step of a journey that it can make, or end the wait for. `among`: a
   relation of the people asked for; everybody where it is none. `first_steps`: of these steps only, and nothing that ends them. #}
{% macro journey_touches(among=none, first_steps=false) -%}
with touchpoints as (

    select * from {{ ref('touchpoints') }}
    where customer_id is not null{{ " and customer_id in (select customer_id from " ~ among ~ ")" if among }}

),

orders as (

    select * from {{ ref('orders') }}
    where
        customer_order_number is not null
        and customer_id is not null
        {{ "and customer_id in (select customer_id from " ~ among ~ ")" if among }}

),

journeys as (

    select * from {{ ref('journeys') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

roles as (

    select
        journey,
        step,
        false as is_end,
        unnest(string_split(touchpoint_types, '|')) as touchpoint_type,
        string_split(channels, '|') as channels,
        only_eligible = 'y' as is_only_eligible,
        cast(replace(orders_before, '+', '') as integer) as orders_before,
        contains(orders_before, '+') as is_at_least
    from journeys
    {%- if first_steps %}
    where step = 1
    {%- else %}
    union all
    select
        journey,
        step,
        true as is_end,
        unnest(string_split(ended_by, '|')) as touchpoint_type,
        cast(null as varchar[]) as channels,
        cast(null as boolean) as is_only_eligible,
        cast(null as integer) as orders_before,
        cast(null as boolean) as is_at_least
    from journeys
    where ended_by is not null
    {%- endif %}

),

matched as (

    select
        touchpoints.customer_id,
        touchpoints.touchpoint_id,
        touchpoints.touchpoint_type,
        touchpoints.source_system,
        touchpoints.source_record_id,
        touchpoints.order_id,
        touchpoints.occurred_at,
        roles.journey,
        roles.step,
        roles.is_end,
        roles.orders_before,
        roles.is_at_least
    from touchpoints
    inner join roles on touchpoints.touchpoint_type = roles.touchpoint_type
    cross join run_parameters
    where
        touchpoints.occurred_at <= run_parameters.as_of
        and (roles.channels is null or list_contains(roles.channels, touchpoints.channel))
        and (touchpoints.is_eligible or not coalesce(roles.is_only_eligible, false))

),

-- Of a touch, how many valid orders the person had placed before it; of an order, before that order.
order_moments as (

    select
        customer_id,
        ordered_at,
        max(customer_order_number) as orders_so_far
    from orders
    group by customer_id, ordered_at

),

counted as (

    select
        matched.*,
        coalesce(order_moments.orders_so_far, 0) as orders_so_far
    from matched
    asof left join order_moments
        on matched.customer_id = order_moments.customer_id and matched.occurred_at > order_moments.ordered_at
    where matched.touchpoint_type <> 'order' and matched.orders_before is not null
    union all
    select
        matched.*,
        orders.customer_order_number - 1 as orders_so_far
    from matched
    inner join orders on matched.order_id = orders.order_id
    where matched.touchpoint_type = 'order'
    union all
    select
        *,
        cast(null as bigint) as orders_so_far
    from matched
    where touchpoint_type <> 'order' and orders_before is null

),

final as (

    select
        customer_id,
        journey,
        step,
        is_end,
        touchpoint_id,
        {{ touchpoint_rank('touchpoint_type') }} as touchpoint_rank,
        source_system,
        source_record_id,
        order_id,
        occurred_at
    from counted
    where
        orders_before is null
        or orders_so_far = orders_before
        or (is_at_least and orders_so_far > orders_before)

)

select * from final
{%- endmacro %}
