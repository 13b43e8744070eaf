-- Grain: one row per person, run through a journey, and step of it that was reached.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ delete_restated(ref('int_journeys__people'), 'customer_id') }}",
        "{{ settle_waiting_runs() }}",
    ],
    post_hook="{{ build_other_slices() }}"
) }}
{%- set number_of_slices = slices(ref('int_journeys__people'), 200000) %}
{%- set last_step = last_journey_step() %}

with missing_people as (

    {{ missing_keys(ref('int_journeys__people'), 'customer_id') }}

),

people as (

    select * from missing_people
    where {{ in_slice('customer_id', number_of_slices) }}

),

journeys as (

    select * from {{ ref('journeys') }}

),

-- An optional step counts as long as nothing has come that the next step which is not optional waits for.
rules as (

    select
        journey,
        step,
        step_name,
        coalesce(is_optional, '') = 'y' as is_optional,
        step = max(step) over (partition by journey) as is_last,
        min(case when coalesce(is_optional, '') <> 'y' then step end) over (
            partition by journey order by step
            rows between current row and unbounded following
        ) as needed_step,
        {{ allowed_microseconds('within') }} as allowed_microseconds
    from journeys

),

roles as (

    {{ journey_touches(among='people') }}

),

touches as (

    select
        customer_id,
        journey,
        touchpoint_id,
        min(order_id) as order_id,
        min(occurred_at) as occurred_at,
        bool_or(step = 1 and not is_end) as makes_1,
        {%- for step in range(2, last_step + 1) %}
        bool_or(step = {{ step }} and not is_end) as makes_{{ step }},
        bool_or(step = {{ step }} and is_end) as ends_{{ step }},
        {%- endfor %}
        row_number() over (
            partition by customer_id, journey
            order by min(occurred_at), min(touchpoint_rank), min(source_system), min(source_record_id), touchpoint_id
        ) as position
    from roles
    group by customer_id, journey, touchpoint_id

),

-- From each touch on, the first that makes each step, and the first that ends the wait for it.
followed as (

    select
        customer_id,
        journey,
        position,
        occurred_at,
        {%- for step in range(2, last_step + 1) %}
        min(case when makes_{{ step }} then position end) over later_touches as next_{{ step }},
        min(case when makes_{{ step }} then occurred_at end) over later_touches as next_{{ step }}_at,
        min(case when ends_{{ step }} then position end) over later_touches as end_{{ step }},
        min(case when ends_{{ step }} then occurred_at end) over later_touches as end_{{ step }}_at,
        {%- endfor %}
        makes_1
    from touches
    window later_touches as (
        partition by customer_id, journey
        order by position
        rows between 1 following and unbounded following
    )

),

-- What a run would be that began with each touch of the first step.
runs_1 as (

    select
        followed.customer_id,
        followed.journey,
        followed.position as start_position,
        followed.occurred_at as started_at,
        followed.position as reached_position,
        followed.occurred_at as reached_at,
        [{ 'step': 1, 'position': followed.position }] as reached,
        case when rules.is_last then 'completed' else 'open' end as run_status,
        case when rules.is_last then followed.position end as over_position,
        case when rules.is_last then followed.occurred_at end as over_at,
        cast(null as integer) as late_step,
        cast(null as bigint) as late_position
    from followed
    inner join rules on followed.journey = rules.journey and rules.step = 1
    where followed.makes_1

),

{% for step in range(2, last_step + 1) %}
waited_{{ step }} as (

    select
        runs.*,
        rules.is_optional,
        rules.is_last,
        rules.allowed_microseconds,
        followed.next_{{ step }} as next_position,
        followed.next_{{ step }}_at as next_at,
        case rules.needed_step
            {%- for needed in range(step, last_step + 1) %}
            when {{ needed }} then followed.next_{{ needed }}
            {%- endfor %}
        end as needed_position,
        case rules.needed_step
            {%- for needed in range(step, last_step + 1) %}
            when {{ needed }} then followed.end_{{ needed }}
            {%- endfor %}
        end as end_position,
        case rules.needed_step
            {%- for needed in range(step, last_step + 1) %}
            when {{ needed }} then followed.end_{{ needed }}_at
            {%- endfor %}
        end as end_at
    from runs_{{ step - 1 }} as runs
    inner join followed
        on
            runs.customer_id = followed.customer_id
            and runs.journey = followed.journey
            and runs.reached_position = followed.position
    left join rules on runs.journey = rules.journey and rules.step = {{ step }}

),

judged_{{ step }} as (

    select
        *,
        run_status = 'open' and is_last is not null as is_asked,
        coalesce(
            epoch_us(next_at) - epoch_us(reached_at) <= allowed_microseconds
            and next_position <= coalesce(end_position, next_position)
            and next_position <= coalesce(needed_position, next_position),
            false
        ) as is_reached,
        coalesce(epoch_us(end_at) - epoch_us(reached_at) <= allowed_microseconds, false) as is_ended,
        coalesce(next_position <= coalesce(end_position, next_position), false) as comes_before_end
    from waited_{{ step }}

),

decided_{{ step }} as (

    select
        *,
        is_asked and is_reached as goes_on,
        is_asked and not is_reached and not is_optional as stops,
        is_asked and not is_reached and not is_optional and not is_ended and comes_before_end as comes_late
    from judged_{{ step }}

),

runs_{{ step }} as (

    select
        customer_id,
        journey,
        start_position,
        started_at,
        case when goes_on then next_position else reached_position end as reached_position,
        case when goes_on then next_at else reached_at end as reached_at,
        case
            when goes_on then list_append(reached, { 'step': {{ step }}, 'position': next_position })
            else reached
        end as reached,
        case
            when goes_on and is_last then 'completed'
            when stops and is_ended then 'ended'
            when stops then 'left'
            else run_status
        end as run_status,
        case
            when goes_on and is_last then next_position
            when stops and is_ended then end_position
            else over_position
        end as over_position,
        case
            when goes_on and is_last then next_at
            when stops and is_ended then end_at
            when stops then make_timestamptz(epoch_us(reached_at) + allowed_microseconds)
            else over_at
        end as over_at,
        case when comes_late then {{ step }} else late_step end as late_step,
        case when comes_late then next_position else late_position end as late_position
    from decided_{{ step }}

),
{% endfor %}
-- Nobody is in two runs of a journey at once: one after the other is taken, each the first that begins when the one
-- before is over.
taken as (

    select
        customer_id,
        journey,
        {{ one_after_another("list({
                'starts': [start_position],
                'position': start_position,
                'started': epoch_us(started_at),
                'over_position': case when run_status = 'left' then 0 else over_position end,
                'over': case when run_status = 'left' then epoch_us(over_at) else epoch_us(started_at) - 1 end
            } order by start_position)") }} as starts
    from runs_{{ last_step }}
    group by customer_id, journey

),

numbered as (

    select
        customer_id,
        journey,
        unnest(starts) as start_position,
        unnest(range(1, len(starts) + 1)) as run_number,
        unnest(list_append(starts[2:], null)) as next_start_position
    from taken

),

runs as (

    select
        runs.*,
        numbered.run_number,
        numbered.next_start_position
    from numbered
    inner join runs_{{ last_step }} as runs
        on
            numbered.customer_id = runs.customer_id
            and numbered.journey = runs.journey
            and numbered.start_position = runs.start_position

),

steps as (

    select
        customer_id,
        journey,
        run_number,
        started_at,
        run_status,
        over_at,
        len(reached) as steps_reached,
        unnest(reached).step as step,
        unnest(reached).position as position,
        unnest(range(1, len(reached) + 1)) as place,
        true as is_in_time
    from runs
    union all
    -- What came too late is told, and did not carry the run on; what came after the next run began belongs to that one.
    select
        customer_id,
        journey,
        run_number,
        started_at,
        run_status,
        over_at,
        len(reached) as steps_reached,
        late_step as step,
        late_position as position,
        len(reached) + 1 as place,
        false as is_in_time
    from runs
    where late_position < coalesce(next_start_position, late_position + 1)

),

final as (

    select
        steps.customer_id,
        steps.journey,
        rules.step_name,
        case
            when steps.run_status = 'left' then {{ waiting_or_left('steps.over_at') }}
            else steps.run_status
        end as run_status,
        touches.touchpoint_id,
        touches.order_id,
        steps.run_number,
        rules.step as step_number,
        (
            epoch_us(touches.occurred_at)
            - lag(epoch_us(touches.occurred_at)) over (
                partition by steps.customer_id, steps.journey, steps.run_number
                order by steps.place
            )
        ) // 1000000 as seconds_since_previous,
        steps.is_in_time,
        steps.place = steps.steps_reached as is_furthest,
        steps.started_at,
        touches.occurred_at,
        steps.over_at,
        people._fingerprint,
        current_timestamp as _loaded_at
    from steps
    inner join rules on steps.journey = rules.journey and steps.step = rules.step
    inner join touches
        on
            steps.customer_id = touches.customer_id
            and steps.journey = touches.journey
            and steps.position = touches.position
    inner join people on steps.customer_id = people.customer_id

)

select * from final
