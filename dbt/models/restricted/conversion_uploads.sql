-- Grain: one row per conversion, or adjustment of an earlier one, that tonight's files for advertising platforms hold.
{{ config(materialized='table') }}

with rules as (

    select
        * replace (coalesce(timezone, {{ reporting_timezone() }}) as timezone),
        {{ click_id_type_of('platform') }} as click_id_type
    from {{ ref('conversion_exports') }}

),

orders as (

    select * from {{ ref('orders') }}

),

contacts as (

    select * from {{ ref('int_customers__consented_contacts') }}
    where channel = 'ads' and purpose = 'marketing'

),

events as (

    select * from {{ ref('stg_events__events') }}
    where click_id is not null

),

event_customers as (

    select * from {{ ref('int_touchpoints__event_customers') }}

),

listed_touchpoints as (

    select * from {{ ref('stg_exports__touchpoints') }}
    where click_id is not null

),

mapped_touchpoints as (

    select * from {{ ref('int_touchpoints__mapped') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

run_parameters as (

    select * from {{ source('ops', 'run_parameters') }}

),

exported as (

    select
        platform,
        action,
        order_id,
        arg_max(kind, night) as kind,
        arg_max(value, night) as value,
        arg_max(currency, night) as currency,
        arg_max(happened_at, night) as happened_at
    from {{ source('ops', 'conversions_before') }}
    group by platform, action, order_id

),

-- One conversion an order, platform and action for ever, whoever the order's person turns out to be later.
new_conversions as (

    select
        rules.platform,
        rules.action,
        orders.order_id,
        orders.customer_id,
        'conversion' as kind,
        orders.currency,
        orders.net_amount as value,
        orders.ordered_at as converted_at,
        orders.ordered_at as happened_at
    from rules
    cross join run_parameters
    inner join orders
        on
            run_parameters.as_of >= orders.ordered_at
            and epoch(run_parameters.as_of) - epoch(orders.ordered_at) < rules.upload_days * 86400
            and (rules.channels is null or list_contains(string_split(rules.channels, '|'), orders.channel))
    left join exported
        on
            rules.platform = exported.platform
            and rules.action = exported.action
            and orders.order_id = exported.order_id
    where
        orders.is_valid
        and orders.customer_id is not null
        -- What was given back in full before it was ever told is not told; a free order is an order.
        and {{ is_purchase('orders.due_amount', 'orders.net_amount') }}
        and exported.order_id is null

),

-- Whatever is no order any more, or is worth nothing, is taken back for good. An order whose load was withdrawn waits.
adjustments as (

    select
        exported.platform,
        exported.action,
        exported.order_id,
        orders.customer_id,
        case when orders.is_valid and orders.net_amount > 0 then 'restatement' else 'retraction' end as kind,
        orders.currency,
        case when orders.is_valid then orders.net_amount else 0 end as value,
        orders.ordered_at as converted_at,
        -- Of two adjustments the later one counts, so no two may bear one time.
        greatest(run_parameters.as_of, exported.happened_at + interval 1 second) as happened_at
    from exported
    inner join rules on exported.platform = rules.platform and exported.action = rules.action
    inner join orders on exported.order_id = orders.order_id
    cross join run_parameters
    where
        exported.kind <> 'retraction'
        -- Google refuses to adjust what is not yet a day old.
        and epoch(run_parameters.as_of) - epoch(orders.ordered_at) >= 86400
        and epoch(run_parameters.as_of) - epoch(orders.ordered_at) < rules.adjustment_days * 86400
        and (
            not orders.is_valid
            or orders.net_amount <> exported.value
            or orders.currency <> exported.currency
        )

),

wanted as (

    select * from new_conversions
    union all
    select * from adjustments

),

clicks as (

    select
        event_customers.customer_id,
        events.click_id_type,
        events.click_id,
        events.occurred_at
    from events
    inner join event_customers on events.event_id = event_customers.event_id
    union all
    select
        mapped_touchpoints.customer_id,
        listed_touchpoints.click_id_type,
        listed_touchpoints.click_id,
        listed_touchpoints.occurred_at
    from listed_touchpoints
    inner join mapped_touchpoints
        on
            listed_touchpoints.system = mapped_touchpoints.system
            and listed_touchpoints.touchpoint_id = mapped_touchpoints.touchpoint_id

),

-- A link that was passed on brings other people with the same id; whose click it was is then not known.
own_clicks as (

    select
        click_id_type,
        click_id,
        min(customer_id) as customer_id,
        min(occurred_at) as clicked_at
    from clicks
    where {{ is_click_id('click_id') }}
    group by click_id_type, click_id
    having min(customer_id) = max(customer_id)

),

last_clicks as (

    select
        wanted.platform,
        wanted.action,
        wanted.order_id,
        arg_max(own_clicks.click_id, (own_clicks.clicked_at, own_clicks.click_id)) as click_id,
        max(own_clicks.clicked_at) as clicked_at
    from wanted
    cross join run_parameters
    inner join rules on wanted.platform = rules.platform and wanted.action = rules.action
    inner join own_clicks
        on
            wanted.customer_id = own_clicks.customer_id
            and rules.click_id_type = own_clicks.click_id_type
            and wanted.converted_at >= own_clicks.clicked_at
    where
        epoch(wanted.converted_at) - epoch(own_clicks.clicked_at) < rules.click_days * 86400
        and (
            rules.click_expires_days is null
            or epoch(run_parameters.as_of) - epoch(own_clicks.clicked_at) < rules.click_expires_days * 86400
        )
    group by wanted.platform, wanted.action, wanted.order_id

),

-- Only people with a contact that may be used are here, so the join on them is the consent of a click id, too.
people as (

    select
        customer_id,
        arg_min(value, place) filter (where contact_type = 'email') as email,
        arg_min(plain_value, place) filter (where contact_type = 'phone') as phone
    from contacts
    group by customer_id

),

known as (

    select
        wanted.*,
        rules.timezone,
        last_clicks.click_id,
        last_clicks.clicked_at,
        people.email,
        people.phone,
        rules.hashed_identifiers = 'always'
        or (rules.hashed_identifiers = 'without_click' and last_clicks.click_id is null) as goes_by_hash
    from wanted
    inner join rules on wanted.platform = rules.platform and wanted.action = rules.action
    inner join people on wanted.customer_id = people.customer_id
    left join last_clicks
        on
            wanted.platform = last_clicks.platform
            and wanted.action = last_clicks.action
            and wanted.order_id = last_clicks.order_id
    -- Google finds what it adjusts by the order alone.
    where wanted.kind = 'conversion' or wanted.platform <> 'google_ads'

),

identified as (

    select
        * exclude (email, phone, goes_by_hash),
        case when goes_by_hash then sha256({{ normal_email('platform', 'email') }}) end as hashed_email,
        case when goes_by_hash then sha256({{ normal_phone('platform', 'phone') }}) end as hashed_phone
    from known

),

by_order_alone as (

    select
        wanted.*,
        rules.timezone
    from wanted
    inner join rules on wanted.platform = rules.platform and wanted.action = rules.action
    where wanted.kind <> 'conversion' and wanted.platform = 'google_ads'

),

going_out as (

    select * from identified
    where coalesce(click_id, hashed_email, hashed_phone) is not null
    union all by name
    select * from by_order_alone

),

final as (

    select
        going_out.platform,
        going_out.action,
        going_out.order_id,
        going_out.customer_id,
        going_out.kind,
        going_out.click_id,
        going_out.hashed_email,
        going_out.hashed_phone,
        going_out.currency,
        going_out.timezone,
        {{ money('going_out.value') }} as value,
        coalesce(currencies.minor_unit, 2) as minor_unit,
        going_out.clicked_at,
        going_out.converted_at,
        going_out.happened_at
    from going_out
    left join currencies on going_out.currency = currencies.currency

)

select * from final
