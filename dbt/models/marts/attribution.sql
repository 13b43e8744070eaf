-- Grain: one row per valid order, touchpoint and model that gives the touchpoint a part of the order.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_attribution__states'), ['order_id', 'is_fitted']) }}",
    post_hook="{{ build_other_slices() }}"
) }}
{%- set number_of_slices = slices(ref('int_attribution__states'), 1000000) %}

with missing_states as (

    {{ missing_keys(ref('int_attribution__states'), ['order_id', 'is_fitted']) }}

),

-- Shares are told apart by a number, which sorts faster than an order's name.
states as (

    select
        *,
        row_number() over () as state_number
    from missing_states
    where {{ in_slice('order_id', number_of_slices) }}

),

touches_to_orders as (

    select * exclude (customer_id, order_id, ended_at, _fingerprint)
    from {{ ref('int_attribution__touches') }}
    where order_id is not null and {{ in_slice('path_id', number_of_slices) }}

),

touches as (

    select
        states.state_number,
        touches_to_orders.*
    from states
    inner join touches_to_orders on states.order_id = touches_to_orders.path_id

),

weights as (

    select * from {{ ref('int_attribution__weights') }}

),

attribution_config as (

    select * from {{ ref('attribution_config') }}

),

models as (

    {{ attribution_models() }}

),

-- Nothing to share: no touch, one touch, or a model that credits one touch only.
whole as (

    select
        states.state_number,
        models.model_number,
        case models.model
            when 'last' then states.path_length
            when 'last_non_direct' then states.last_non_direct_position
            else 1
        end as position,
        cast(1000000000000 as hugeint) as credit_units,
        states.net_amount_reporting as revenue_reporting
    from states
    inner join models on states.is_fitted = models.is_fitted
    where states.path_length < 2 or models.model in ('first', 'last', 'last_non_direct')

),

-- Whole numbers, so that shares are exact. Weights of one order need only be right towards each other.
plainly_weighted as (

    select
        states.state_number,
        models.model_number,
        touches.position,
        states.net_amount_reporting,
        cast(case models.model
            when 'linear' then 1
            -- Counted from the last touch, not from the order, no weight of a path is too small to be told from 0.
            when 'time_decay'
                then round(1e15 * power(
                    2,
                    (epoch_us(touches.occurred_at) - epoch_us(states.last_touched_at))
                    / (attribution_config.half_life_days * 86400000000.0)
                ))
            -- 40 % each for both ends, 20 % shared by those between; of two touches, half each.
            when 'position_based'
                then case
                    when states.path_length = 2 then 1
                    when touches.position in (1, states.path_length) then 40 * (states.path_length - 2)
                    else 20
                end
        end as hugeint) as weight
    from states
    inner join touches on states.state_number = touches.state_number
    cross join models
    cross join attribution_config
    where
        not states.is_fitted
        and states.path_length > 1
        and models.model in ('linear', 'time_decay', 'position_based')

),

named as (

    select distinct
        month,
        channel
    from weights

),

-- A channel beyond those that the month names is one of its others.
in_channels as (

    select
        states.state_number,
        states.month,
        states.net_amount_reporting,
        touches.position,
        coalesce(named.channel, 'other') as channel,
        count(*) over (partition by states.state_number, coalesce(named.channel, 'other')) as touches_of_channel
    from states
    inner join touches on states.state_number = touches.state_number
    left join named on states.month = named.month and touches.channel = named.channel
    where states.is_fitted and states.path_length > 1

),

fitted_weights as (

    select
        in_channels.state_number,
        models.model_number,
        in_channels.position,
        in_channels.net_amount_reporting,
        cast(weights.weight * 1000000000000 as hugeint) * 1000000000 // in_channels.touches_of_channel as weight,
        sum(weights.weight) over (partition by in_channels.state_number, models.model_number) as weight_of_path
    from in_channels
    inner join weights on in_channels.month = weights.month and in_channels.channel = weights.channel
    inner join models on weights.model = models.model

),

weighted as (

    select * from plainly_weighted
    union all
    select
        state_number,
        model_number,
        position,
        net_amount_reporting,
        case when weight_of_path = 0 then 1 else weight end as weight
    from fitted_weights

),

credit_shared as (

    {{ with_shares('weighted', 'cast(1000000000000 as hugeint)', 'weight', 'state_number, model_number', 'position') }}

),

credited as (

    select
        state_number,
        model_number,
        position,
        net_amount_reporting,
        share_units as credit_units,
        {{ minor_units_per_major(reporting_minor_unit()) }} as reporting_units
    from credit_shared

),

shared as (

    {{ with_shares('credited', 'abs(net_amount_reporting) * reporting_units', 'credit_units',
                   'state_number, model_number', 'position') }}

),

unioned as (

    select
        state_number,
        model_number,
        position,
        credit_units,
        revenue_reporting
    from whole
    union all
    select
        state_number,
        model_number,
        position,
        credit_units,
        {{ money('sign(net_amount_reporting) * share_units / reporting_units') }} as revenue_reporting
    from shared
    where credit_units > 0

),

-- An order's rows beside each other, so that what they have in common is stored once.
final as (

    select
        states.order_id,
        coalesce(touches.touchpoint_id, 'none:' || states.order_id) as touchpoint_id,
        states.customer_id,
        models.model,
        coalesce(touches.channel, '(none)') as channel,
        touches.platform,
        touches.campaign,
        touches.touchpoint_type,
        cast(unioned.credit_units / 1000000000000 as decimal(18, 12)) as credit,
        unioned.revenue_reporting,
        touches.position,
        states.path_length,
        states.is_fitted,
        states.is_first_order,
        states.month,
        touches.occurred_at,
        states.ordered_at,
        states._fingerprint,
        current_timestamp as _loaded_at
    from unioned
    inner join models on unioned.model_number = models.model_number
    inner join states on unioned.state_number = states.state_number
    left join touches on unioned.state_number = touches.state_number and unioned.position = touches.position
    order by unioned.state_number, unioned.model_number, unioned.position

)

select * from final
