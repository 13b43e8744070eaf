-- Grain: one row per touch of a path, be it the path to an order or a run of touches that led to none.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_attribution__people'), 'customer_id') }}"
) }}

with people as (

    {{ missing_keys(ref('int_attribution__people'), 'customer_id') }}

),

touchpoints as (

    select * from {{ ref('touchpoints') }}
    where is_eligible

),

orders as (

    select * from {{ ref('orders') }}
    where is_valid

),

attribution_config as (

    select
        *,
        lookback_days * 86400000000 as lookback_us,
        exposure_window_days * 86400000000 as exposure_us
    from {{ ref('attribution_config') }}

),

touches as (

    select
        touchpoints.touchpoint_id,
        touchpoints.customer_id,
        touchpoints.touchpoint_type,
        coalesce(touchpoints.channel, 'unknown') as channel,
        touchpoints.platform,
        touchpoints.campaign,
        -- Where a touch comes in the person's order: by time and, at one instant, by type, source and record.
        row_number() over (
            partition by touchpoints.customer_id
            order by
                touchpoints.occurred_at,
                case touchpoints.touchpoint_type
                    when 'ad_click' then 1
                    when 'message_clicked' then 2
                    when 'page_view' then 3
                    when 'call_in' then 4
                    when 'store_visit' then 5
                    else 6
                end,
                touchpoints.source_system,
                touchpoints.source_record_id,
                touchpoints.touchpoint_id
        ) as place,
        touchpoints.is_direct,
        touchpoints.occurred_at,
        people._fingerprint
    from touchpoints
    inner join people on touchpoints.customer_id = people.customer_id

),

-- Of orders at one instant the first has the path.
moments as (

    select
        orders.customer_id,
        orders.order_id,
        orders.ordered_at
    from orders
    inner join people on orders.customer_id = people.customer_id
    qualify row_number() over (
        partition by orders.customer_id, orders.ordered_at
        order by orders.customer_order_number
    ) = 1

),

-- Only the first order after a touch can credit it, and so the path begins after the order before.
followed as (

    select
        touches.*,
        case
            when epoch_us(moments.ordered_at) - epoch_us(touches.occurred_at) < attribution_config.lookback_us
                then moments.order_id
        end as order_id,
        moments.ordered_at,
        attribution_config.lookback_us
    from touches
    asof left join moments
        on touches.customer_id = moments.customer_id and touches.occurred_at <= moments.ordered_at
    cross join attribution_config

),

begun as (

    select
        *,
        order_id is null
        and coalesce(
            lag(order_id) over of_person is not null
            or epoch_us(occurred_at) - epoch_us(lag(occurred_at) over of_person) > lookback_us,
            true
        ) as is_run_start
    from followed
    window of_person as (
        partition by customer_id
        order by place
    )

),

in_paths as (

    select
        * exclude (is_run_start, lookback_us),
        coalesce(
            order_id,
            'null:' || last_value(case when is_run_start then touchpoint_id end ignore nulls) over (
                partition by customer_id
                order by place
                rows between unbounded preceding and current row
            )
        ) as path_id
    from begun

),

-- Within the exposure window a channel's next touch belongs to the exposure before, whatever came between.
exposed as (

    select
        in_paths.*,
        attribution_config.exposure_us is null
        or coalesce(
            epoch_us(in_paths.occurred_at) - epoch_us(lag(in_paths.occurred_at) over of_channel)
            > attribution_config.exposure_us,
            true
        ) as is_exposure,
        max(in_paths.occurred_at) over (partition by in_paths.path_id) as last_touched_at
    from in_paths
    cross join attribution_config
    window of_channel as (
        partition by in_paths.path_id, in_paths.channel
        order by in_paths.place
    )

),

-- A repeat is a touch of the channel of the touch before; collapsed, only the first of them stays.
repeated as (

    select
        exposed.*,
        not attribution_config.collapse_repeats
        or coalesce(lag(exposed.channel) over of_path <> exposed.channel, true) as is_no_repeat
    from exposed
    cross join attribution_config
    where exposed.is_exposure
    window of_path as (
        partition by exposed.path_id
        order by exposed.place
    )

),

final as (

    select
        touchpoint_id,
        path_id,
        customer_id,
        order_id,
        touchpoint_type,
        channel,
        platform,
        campaign,
        cast(row_number() over (
            partition by path_id
            order by place
        ) as integer) as position,
        is_direct,
        occurred_at,
        case when order_id is null then last_touched_at else ordered_at end as ended_at,
        _fingerprint
    from repeated
    where is_no_repeat

)

select * from final
