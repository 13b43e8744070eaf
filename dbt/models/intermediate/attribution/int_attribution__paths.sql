-- Grain: one row per path, be it the path to an order or a run of touches that led to none.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_attribution__people'), 'customer_id') }}"
) }}

with people as (

    {{ missing_keys(ref('int_attribution__people'), 'customer_id') }}

),

touches as (

    select * from {{ ref('int_attribution__touches') }}

),

gathered as (

    select
        touches.path_id,
        touches.customer_id,
        touches.order_id,
        cast(count(*) as integer) as path_length,
        coalesce(max(touches.position) filter (where not touches.is_direct), cast(count(*) as integer))
            as last_non_direct_position,
        list_sort(list(struct_pack(place := touches.position, channel := touches.channel))) as steps,
        max(touches.occurred_at) as last_touched_at,
        any_value(touches.ended_at) as ended_at,
        {{ group_fingerprint(['touches.touchpoint_id', 'touches.position', 'touches.touchpoint_type', 'touches.channel',
                              'touches.platform', 'touches.campaign', 'touches.is_direct', 'touches.occurred_at']) }}
            as path_fingerprint,
        any_value(people._fingerprint) as _fingerprint
    from touches
    inner join people on touches.customer_id = people.customer_id
    group by touches.path_id, touches.customer_id, touches.order_id

),

final as (

    select
        path_id,
        customer_id,
        order_id,
        path_length,
        last_non_direct_position,
        list_transform(steps, (step) -> step.channel) as channels,
        cast(date_trunc('month', {{ reporting_date('ended_at') }}) as date) as month,
        last_touched_at,
        ended_at,
        path_fingerprint,
        _fingerprint
    from gathered

)

select * from final
