-- Grain: one row per known person with a purchase: past and predicted value, with the fingerprint of both.
{{ config(materialized='table') }}

with valid_orders as (

    select * from {{ ref('int_customers__valid_orders') }}

),

margins as (

    select * from {{ ref('int_orders__margins') }}

),

refunds as (

    select * from {{ ref('refunds') }}

),

histories as (

    select * from {{ ref('int_customers__value_histories') }}

),

fits as (

    select * from {{ ref('int_customers__value_fits') }}

),

predictions as (

    select * from {{ ref('int_customers__value_predictions') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

value_config as (

    select * from {{ ref('value_config') }}

),

unlinked_returns as (

    select
        customer_id,
        sum(amount_reporting) as amount_reporting
    from refunds
    where status = 'unlinked' and customer_id is not null
    group by customer_id

),

bought as (

    select
        valid_orders.customer_id,
        sum(margins.net_amount_reporting) as net_amount_reporting,
        sum(margins.margin_reporting) filter (where valid_orders.is_qualifying) as margin,
        count(*) filter (where valid_orders.is_qualifying) as purchases,
        count(margins.margin_reporting) filter (where valid_orders.is_qualifying) as purchases_with_cost
    from valid_orders
    inner join margins on valid_orders.order_id = margins.order_id
    group by valid_orders.customer_id

),

model_in_force as (

    select
        fits.*,
        {{ value_as_of('run_parameters.as_of_date') }} as value_as_of_date
    from run_parameters
    cross join value_config
    left join fits
        on
            fits.as_of_date = {{ value_as_of('run_parameters.as_of_date') }}
            and value_config.unit = fits.unit

),

predicted as (

    select
        bought.customer_id,
        case
            when histories.customer_id is null then 'no purchase by the as-of of the model'
            else model_in_force.reason
        end as reason,
        histories.frequency,
        histories.recency,
        histories.t,
        {{ money('coalesce(bought.net_amount_reporting, 0) - coalesce(unlinked_returns.amount_reporting, 0)') }}
            as historic_value,
        case when bought.purchases_with_cost = bought.purchases then {{ money('bought.margin') }} end
            as historic_margin,
        cast(predictions.alive_probability as decimal(9, 6)) as alive_probability,
        cast(predictions.predicted_purchases as decimal(18, 6)) as predicted_purchases_12m,
        predictions.predicted_purchases_low as predicted_purchases_12m_low,
        predictions.predicted_purchases_high as predicted_purchases_12m_high,
        -- Equation 5 of the Gamma-Gamma model: the person's own mean and everybody's, weighed by how often they bought.
        case
            when model_in_force.p * histories.valued_days + model_in_force.q > 1
                then {{ round_money('cast(model_in_force.p * (model_in_force.v + histories.valued_days'
                                    ~ ' * histories.mean_value) / (model_in_force.p * histories.valued_days'
                                    ~ ' + model_in_force.q - 1) as decimal(28, 6))', reporting_minor_unit()) }}
        end as expected_order_value,
        model_in_force.value_as_of_date as as_of_date
    from bought
    cross join model_in_force
    left join unlinked_returns on bought.customer_id = unlinked_returns.customer_id
    left join histories on bought.customer_id = histories.customer_id
    left join predictions
        on
            histories.frequency = predictions.frequency
            and histories.recency = predictions.recency
            and histories.t = predictions.t
    where bought.purchases > 0

),

valued as (

    select
        *,
        {{ round_money('predicted_purchases_12m * expected_order_value', reporting_minor_unit()) }}
            as predicted_value_12m,
        {{ money('predicted_purchases_12m_low * expected_order_value') }} as predicted_value_12m_low,
        {{ money('predicted_purchases_12m_high * expected_order_value') }} as predicted_value_12m_high
    from predicted

),

final as (

    select
        customer_id,
        reason,
        frequency,
        recency,
        t,
        historic_value,
        historic_margin,
        alive_probability,
        predicted_purchases_12m,
        predicted_purchases_12m_low,
        predicted_purchases_12m_high,
        expected_order_value,
        predicted_value_12m,
        predicted_value_12m_low,
        predicted_value_12m_high,
        as_of_date,
        {{ fingerprint(['reason', 'frequency', 'recency', 't', 'historic_value', 'historic_margin',
                        'alive_probability', 'predicted_purchases_12m', 'predicted_purchases_12m_low',
                        'predicted_purchases_12m_high', 'expected_order_value', 'as_of_date']) }} as _fingerprint
    from valued

)

select * from final
