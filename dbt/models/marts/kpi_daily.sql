-- Grain: one row per KPI, day and channel, and one for all channels.
{{ config(materialized='table') }}

with orders as (

    select * from {{ ref('orders') }}
    where is_valid

),

customers as (

    select * from {{ ref('customers') }}
    where not is_anonymous

),

service_tickets as (

    select
        *,
        {{ reporting_date('created_at') }} as created_date
    from {{ ref('service_tickets') }}

),

messages as (

    select * from {{ ref('messages') }}

),

ad_performance as (

    select * from {{ ref('ad_performance') }}

),

customer_value as (

    select * from {{ ref('customer_value') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

sold as (

    select
        orders.reporting_date as date,
        orders.channel,
        count(*) as orders,
        count(customers.customer_id) as matched_orders,
        sum(orders.net_amount_reporting) as net_amount,
        count(*) filter (where orders.net_amount_reporting > 0) as paying_orders,
        count(*) filter (where orders.customer_order_number = 1) as new_customers
    from orders
    left join customers on orders.customer_id = customers.customer_id
    group by orders.reporting_date, orders.channel

),

-- What the year after their first order brought, person by person.
first_years as (

    select
        firsts.order_id,
        any_value(firsts.reporting_date) as date,
        any_value(firsts.channel) as channel,
        bool_or(epoch_us(run_parameters.as_of) - epoch_us(firsts.ordered_at) >= {{ a_year() }}) as is_over,
        bool_or(
            bought.customer_order_number = 2
            and epoch_us(bought.ordered_at) - epoch_us(firsts.ordered_at) <= {{ a_year() }}
        ) as is_repeated,
        sum(bought.net_amount_reporting) filter (
            where epoch_us(bought.ordered_at) - epoch_us(firsts.ordered_at) < {{ a_year() }}
        ) as net_amount
    from orders as firsts
    inner join orders as bought on firsts.customer_id = bought.customer_id
    cross join run_parameters
    where firsts.customer_order_number = 1
    group by firsts.order_id

),

followed as (

    select
        date,
        channel,
        bool_and(is_over) as is_complete,
        count(*) filter (where is_over) as persons,
        count(*) filter (where is_over and is_repeated) as repeated,
        case when bool_or(is_over) then sum(net_amount) filter (where is_over) else 0 end as net_amount
    from first_years
    group by date, channel

),

served as (

    select
        created_date as date,
        channel,
        sum(first_reply_seconds) as first_reply_seconds,
        count(first_reply_seconds) as replied,
        sum(full_resolution_seconds) as resolution_seconds,
        count(full_resolution_seconds) as resolved,
        count(*) filter (where is_one_touch and solved_at is not null) as one_touch,
        count(is_one_touch) filter (where solved_at is not null) as solved,
        sum(csat_score) as csat_score,
        count(csat_score) as rated,
        100 * (count(*) filter (where nps_score >= 9) - count(*) filter (where nps_score <= 6)) as promoters,
        count(nps_score) as answered
    from service_tickets
    group by created_date, channel

),

sent as (

    select
        {{ reporting_date('min(occurred_at)') }} as date,
        source_system,
        channel,
        bool_or(event = 'opened') as is_opened,
        bool_or(event = 'clicked') as is_clicked
    from messages
    group by source_system, channel, message_id
    having not bool_or(event = 'bounced')

),

-- Nobody can tell whether a text message was opened; where no opening is ever told, none is missing.
seen as (

    select
        *,
        bool_or(is_opened) over (partition by source_system, channel) as tells_openings
    from sent

),

written as (

    select
        date,
        channel,
        count(*) as messages,
        count(*) filter (where tells_openings) as openable,
        count(*) filter (where is_opened) as opened,
        count(*) filter (where is_clicked) as clicked
    from seen
    group by date, channel

),

spent as (

    select
        date,
        sum(cost_reporting) as cost
    from ad_performance
    group by date

),

acquired as (

    select
        date,
        sum(new_customers) as new_customers
    from sold
    group by date

),

acquiring as (

    select
        coalesce(spent.date, acquired.date) as date,
        coalesce(spent.cost, 0) as cost,
        coalesce(acquired.new_customers, 0) as new_customers
    from spent
    full outer join acquired on spent.date = acquired.date

),

known as (

    select
        run_parameters.as_of_date as date,
        count(customers.customer_id) as persons,
        count(*) filter (where contains(customers.source_systems, ',')) as across_sources,
        count(*) filter (where customers.marketing_consent) as reachable
    from run_parameters
    left join customers on true
    group by run_parameters.as_of_date

),

predicted as (

    select
        run_parameters.as_of_date as date,
        coalesce(sum(customer_value.predicted_value_12m), 0) as net_amount,
        count(customer_value.predicted_value_12m) as persons
    from run_parameters
    left join customer_value on true
    group by run_parameters.as_of_date

),

by_channel as (

    {%- set windowed = {'is_complete': 'is_complete'} %}
    {{ kpi_figures({'date': 'date', 'channel': 'channel'}, [
        ('net_revenue', 'sold', 'net_amount', none, {}),
        ('orders', 'sold', 'orders', none, {}),
        ('new_customers', 'sold', 'new_customers', none, {}),
        ('aov', 'sold', 'net_amount', 'paying_orders', {}),
        ('order_match_rate', 'sold', 'matched_orders', 'orders', {}),
        ('repeat_rate', 'followed', 'repeated', 'persons', windowed),
        ('ltv_12m', 'followed', 'net_amount', 'persons', windowed),
        ('first_reply_seconds', 'served', 'first_reply_seconds', 'replied', {}),
        ('resolution_seconds', 'served', 'resolution_seconds', 'resolved', {}),
        ('one_touch_share', 'served', 'one_touch', 'solved', {}),
        ('csat', 'served', 'csat_score', 'rated', {}),
        ('nps', 'served', 'promoters', 'answered', {}),
        ('message_open_rate', 'written', 'opened', 'openable', {}),
        ('message_click_rate', 'written', 'clicked', 'messages', {})
    ]) }}

),

of_the_company as (

    select
        kpi,
        date,
        {{ all_of_it() }} as channel,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        is_ratio,
        bool_and(is_complete) as is_complete
    from by_channel
    group by kpi, date, is_ratio
    union all
    {{ kpi_figures({'date': 'date', 'channel': all_of_it()}, [
        ('marketing_cost', 'spent', 'cost', none, {}),
        ('cac', 'acquiring', 'cost', 'new_customers', {}),
        ('cross_source_rate', 'known', 'across_sources', 'persons', {}),
        ('reachable_customers', 'known', 'reachable', none, {}),
        ('ltv_predicted_12m', 'predicted', 'net_amount', 'persons', {})
    ]) }}

),

unioned as (

    select * from by_channel
    union all
    select * from of_the_company

),

final as (

    select
        unioned.kpi,
        unioned.channel,
        {{ kpi_part('unioned.numerator') }} as numerator,
        {{ kpi_part('unioned.denominator') }} as denominator,
        {{ kpi_value('unioned.numerator', 'unioned.denominator', 'unioned.is_ratio') }} as value,
        unioned.is_ratio,
        unioned.is_complete,
        unioned.date
    from unioned
    inner join run_parameters on unioned.date <= run_parameters.as_of_date

)

select * from final
