-- Grain: one row per valid order, touchpoint and model that gives the touchpoint a part of the order.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_restated(ref('int_attribution__states'), ['order_id', 'is_fitted']) }}"
) }}

with states as (

    {{ missing_keys(ref('int_attribution__states'), ['order_id', 'is_fitted']) }}

),

touches as (

    select * from {{ ref('int_attribution__touches') }}

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
        states.order_id,
        models.model,
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
        states.order_id,
        models.model,
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
    inner join touches on states.order_id = touches.path_id
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
        states.order_id,
        states.month,
        states.net_amount_reporting,
        touches.position,
        coalesce(named.channel, 'other') as channel,
        count(*) over (partition by states.order_id, coalesce(named.channel, 'other')) as touches_of_channel
    from states
    inner join touches on states.order_id = touches.path_id
    left join named on states.month = named.month and touches.channel = named.channel
    where states.is_fitted and states.path_length > 1

),

fitted_weights as (

    select
        in_channels.order_id,
        weights.model,
        in_channels.position,
        in_channels.net_amount_reporting,
        cast(weights.weight * 1000000000000 as hugeint) * 1000000000 // in_channels.touches_of_channel as weight,
        sum(weights.weight) over (partition by in_channels.order_id, weights.model) as weight_of_path
    from in_channels
    inner join weights on in_channels.month = weights.month and in_channels.channel = weights.channel

),

weighted as (

    select * from plainly_weighted
    union all
    select
        order_id,
        model,
        position,
        net_amount_reporting,
        case when weight_of_path = 0 then 1 else weight end as weight
    from fitted_weights

),

credit_shared as (

    {{ with_shares('weighted', 'cast(1000000000000 as hugeint)', 'weight', 'order_id, model', 'position') }}

),

credited as (

    select
        order_id,
        model,
        position,
        net_amount_reporting,
        share_units as credit_units,
        {{ minor_units_per_major(reporting_minor_unit()) }} as reporting_units
    from credit_shared

),

shared as (

    {{ with_shares('credited', 'abs(net_amount_reporting) * reporting_units', 'credit_units', 'order_id, model',
                   'position') }}

),

unioned as (

    select
        order_id,
        model,
        position,
        credit_units,
        revenue_reporting
    from whole
    union all
    select
        order_id,
        model,
        position,
        credit_units,
        {{ money('sign(net_amount_reporting) * share_units / reporting_units') }} as revenue_reporting
    from shared
    where credit_units > 0

),

final as (

    select
        unioned.order_id,
        coalesce(touches.touchpoint_id, 'none:' || unioned.order_id) as touchpoint_id,
        states.customer_id,
        unioned.model,
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
    inner join models on unioned.model = models.model
    inner join states on unioned.order_id = states.order_id and models.is_fitted = states.is_fitted
    left join touches on unioned.order_id = touches.path_id and unioned.position = touches.position

)

select * from final
