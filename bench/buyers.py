"""A made-up shop's people and orders, as RFM, lifecycle, value, tags and key figures read them: for measuring.

Here: all tables that those models do not make, of a first night and of the night after it. Not here: what is measured
with them (`customers`).

Two years of orders. Everybody begins on a day of their own and buys less and less often, some only once; one known
person in ten never bought. One order in thirty is given back, half of these in full.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster_project import decided, run_inputs, tag_rules

SEEDS = Path(__file__).parents[1] / "seeds"
PERSONS_MOVED = 250  # one in so many buys on the day between the two nights

_SEEDS = {
    "currencies": "", "value_config": "", "lifecycle_config": "'at_risk_factor': 'decimal(9, 3)',"
    "'dormant_factor': 'decimal(9, 3)', 'lost_factor': 'decimal(9, 3)'",
    "rfm_config": "'offset': 'decimal(18, 3)'", "rfm_segments": "'fm_min': 'decimal(3, 1)', 'fm_max': 'decimal(3, 1)'",
    "rfm_thresholds": "'threshold': 'decimal(18, 3)'", "kpi_config": "'margin_share': 'decimal(9, 4)'",
    "product_costs": "'sku': 'varchar', 'unit_cost': 'decimal(18, 3)'",
}  # fmt: skip
_BEFORE = {
    "rfm_values_before": run_inputs.RFM_COLUMNS,
    "rfm_scales_before": run_inputs.RFM_SCALE_COLUMNS,
    "rfm_segments_before": run_inputs.RFM_SEGMENT_COLUMNS,
    "gap_medians_before": run_inputs.GAP_MEDIAN_COLUMNS,
    "value_fits_before": run_inputs.VALUE_FIT_COLUMNS,
    "tags_before": run_inputs.TAG_COLUMNS,
}
# What a publication of these models decides, and the table in which the next night finds it.
_DECIDED = {
    "rfm_values_before": decided.RFM["rfm"],
    "rfm_scales_before": decided.RFM["rfm_scales"],
    "rfm_segments_before": decided.RFM["rfm_segments"],
    "gap_medians_before": decided.GAP_MEDIANS,
    "value_fits_before": decided.VALUE_FITS,
    "tags_before": decided.TAGS["tags"],
}

# `draw(i, salt, n)`: a number below n that belongs to i.
_SHOP = """
    create macro draw(i, salt, n) as (hash(i, salt) % n)::bigint;
    create macro person(number) as 'c_' || lpad((hash(number) % 100000000000000000000)::varchar, 20, '0');
    create macro local_date(instant) as cast(timezone('Asia/Shanghai', instant) as date);

    create table run_parameters as
    select timestamptz '2026-06-28 18:00:00+00' as as_of, date '2026-06-28' as as_of_date, 1 as night;

    create table rfm_dates (as_of_date date);

    create table orders as
    with drawn as (
        select
            i,
            draw(i, 1, $persons) as number,
            draw(number, 2, 700) * 86400000000 as begun_us,
            pow(draw(i, 3, 1000000) / 1000000, 1 + draw(number, 4, 3)) as part,
            (100 + draw(i, 5, 100000)) / 100 as amount,
            draw(i, 6, 30) as given_back,
            draw(i, 7, 40) > 0 as is_valid
        from range($orders) t(i)
    ),
    priced as (
        select
            'shop-' || lpad(i::varchar, 12, '0') as order_id,
            case when draw(i, 8, 20) > 0 then person(number) end as customer_id,
            'shop' as source_system,
            ['web', 'store', 'app'][1 + draw(i, 9, 3)] as channel,
            amount::decimal(18, 3) as due_amount,
            (case given_back when 0 then case when i % 2 = 0 then amount else round(amount / 3, 2) end else 0 end)
                ::decimal(18, 3) as refund_amount,
            is_valid,
            timestamptz '2024-06-29 00:00:00+00'
            + to_microseconds((begun_us + part * (729 * 86400000000 - begun_us))::bigint) as ordered_at
        from drawn
    )
    select
        order_id,
        customer_id,
        source_system,
        channel,
        due_amount as gross_amount_reporting,
        0::decimal(18, 3) as discount_amount,
        0::decimal(18, 3) as discount_amount_reporting,
        due_amount,
        refund_amount,
        refund_amount as refund_amount_reporting,
        (due_amount - refund_amount)::decimal(18, 3) as net_amount,
        net_amount as net_sales_amount,
        due_amount as due_amount_reporting,
        net_amount as net_amount_reporting,
        1::decimal(20, 12) as fx_rate,
        case
            when is_valid and customer_id is not null
                then row_number() over (partition by customer_id, is_valid order by ordered_at, order_id)::integer
        end as customer_order_number,
        is_valid,
        local_date(ordered_at) as reporting_date,
        ordered_at,
        case when not is_valid then ordered_at end as cancelled_at,
        'category ' || draw(order_id, 12, 12) as main_category,
        hash(order_id, customer_id) as _fingerprint
    from priced;

    create table order_lines as
    select
        order_id,
        'article-' || draw(order_id, 11, 500) as sku,
        'category ' || draw(order_id, 12, 12) as category,
        1::decimal(18, 3) as quantity,
        null::decimal(18, 3) as refunded_quantity,
        net_amount,
        net_amount as net_amount_reporting,
        false as is_gift_card
    from orders;

    create table refunds as
    select
        order_id,
        customer_id,
        refund_amount as amount,
        refund_amount as amount_reporting,
        'refund' as kind,
        'counted' as status,
        true as is_counted,
        least(reporting_date + draw(order_id, 13, 20)::integer, date '2026-06-28') as reporting_date
    from orders
    where refund_amount > 0 and is_valid;

    create table int_identity__members as
    select 'shop:' || number as record_key, person(number) as customer_id, false as is_anonymous
    from range($persons + $persons // 10) t(number);

    create table int_identity__records as
    select
        'shop:' || number as record_key,
        'shop' as source_system,
        timestamptz '2024-06-29 00:00:00+00' + to_microseconds(draw(number, 2, 700) * 86400000000) as first_seen_at,
        first_seen_at as last_seen_at
    from range($persons + $persons // 10) t(number);

    create table customer_id_history as
    select 'r_' || number as retired_customer_id, person(number) as customer_id, 'merged' as reason
    from range($persons // 100) t(number);

    create table touchpoints as
    select
        i::varchar as touchpoint_id,
        person(draw(i, 21, $persons)) as customer_id,
        'channel ' || draw(i, 22, 8) as channel,
        ['page_view', 'product_view', 'add_to_cart', 'message_sent'][1 + draw(i, 25, 4)] as touchpoint_type,
        draw(i, 26, 4) = 0 as is_session_start,
        true as is_eligible,
        timestamptz '2024-06-29 00:00:00+00' + to_microseconds(draw(i, 23, 729 * 86400000000)) as occurred_at
    from range($orders // 5) t(i);

    create table ad_performance as
    select date '2024-06-29' + (i // 4)::integer as date, (10 + draw(i, 24, 90))::decimal(18, 3) as cost_reporting
    from range(4 * 729) t(i);

    create table service_tickets as
    select
        i::varchar as ticket_id,
        person(draw(i, 27, $persons)) as customer_id,
        'desk' as channel,
        ['delivery', 'product', 'returns'][1 + draw(i, 28, 3)] as category,
        'closed' as status,
        1 + draw(i, 29, 3)::integer as same_question_count,
        timestamptz '2024-06-29 00:00:00+00' + to_microseconds(draw(i, 30, 729 * 86400000000)) as created_at,
        created_at + interval 1 day as solved_at,
        600::bigint as first_reply_seconds,
        86400::bigint as full_resolution_seconds,
        draw(i, 31, 2)::decimal(9, 3) as csat_score,
        null::decimal(9, 3) as nps_score,
        true as is_one_touch
    from range($orders // 20) t(i);
    create table messages (
        message_id varchar, source_system varchar, channel varchar, event varchar, occurred_at timestamptz
    );
    create table channel_roi (
        month date, channel varchar, model varchar, cost decimal(18, 3), new_customers decimal(24, 12),
        attributed_revenue decimal(18, 3)
    );
    create table audience_members (audience varchar, customer_id varchar, arm varchar, member_since date);
    create table attribution_channel_weights (month date, model varchar, is_final boolean);
    create table journey_funnel (
        journey varchar, entry_month date, runs_completed bigint, runs_ended bigint, runs_left bigint, runs_open bigint
    );
    create table dates as
    select day::date as date, date_trunc('month', day)::date as month_start_date, day(day) as day_of_month
    from generate_series(timestamp '2024-01-01', timestamp '2026-12-31', interval 1 day) days (day);
"""
_NEXT_DAY = f"""
    update run_parameters set as_of = as_of + interval 1 day, as_of_date = as_of_date + 1, night = night + 1;

    insert into orders by name
    select
        'shop-later-' || last.customer_id as order_id,
        last.* exclude (order_id, customer_order_number, reporting_date, ordered_at, _fingerprint),
        last.customer_order_number + 1 as customer_order_number,
        local_date(run_parameters.as_of - interval 6 hours) as reporting_date,
        run_parameters.as_of - interval 6 hours as ordered_at,
        hash(last.order_id, 'later') as _fingerprint
    from (
        from orders
        where customer_order_number is not null and draw(customer_id, 31, {PERSONS_MOVED}) = 0
        qualify row_number() over (partition by customer_id order by customer_order_number desc) = 1
    ) as last
    cross join run_parameters;

    insert into order_lines by name
    select
        order_id,
        'article-0' as sku,
        'category 0' as category,
        1 as quantity,
        net_amount,
        net_amount as net_amount_reporting,
        false as is_gift_card
    from orders
    where starts_with(order_id, 'shop-later-');
"""
# Of a warehouse's own table the columns that features and key figures read.
_CUSTOMERS = """
    create or replace table customers as
    with bought as (
        select
            customer_id,
            any_value(channel) as channel,
            count(*) filter (where is_valid)::integer as orders_count,
            sum(net_amount_reporting) filter (where is_valid) as net_revenue,
            min(ordered_at) filter (where is_valid) as first_order_at,
            max(ordered_at) filter (where is_valid) as last_order_at
        from orders
        group by customer_id
    )
    select
        members.customer_id,
        ['shop', 'shop, desk'][1 + draw(members.customer_id, 14, 2)] as source_systems,
        bought.channel as first_channel,
        bought.channel as preferred_channel,
        'Shanghai' as city,
        'CN' as country,
        'female' as gender,
        '25-34' as age_band,
        'gold' as member_level,
        customer_lifecycle.stage as lifecycle_stage,
        customer_rfm.segment as rfm_segment,
        coalesce(bought.orders_count, 0) as orders_count,
        bought.net_revenue,
        draw(members.customer_id, 15, 2) = 0 as marketing_consent,
        false as is_anonymous,
        records.first_seen_at,
        greatest(records.first_seen_at, bought.last_order_at) as last_seen_at,
        bought.first_order_at,
        bought.last_order_at
    from int_identity__members as members
    inner join int_identity__records as records on members.record_key = records.record_key
    left join bought on members.customer_id = bought.customer_id
    left join customer_lifecycle
        on members.customer_id = customer_lifecycle.customer_id and customer_lifecycle.left_at is null
    left join customer_rfm on members.customer_id = customer_rfm.customer_id and customer_rfm.is_tonight
"""


def describe(session: Any) -> None:
    """The people as tonight's stages and segments show them."""
    session.execute(_CUSTOMERS)


def open_shop(session: Any, orders: int) -> None:
    """All tables of the first night: so many orders of a fifth as many people."""
    text = _SHOP
    for name, number in {"persons": max(orders // 5, 5), "orders": orders}.items():
        text = text.replace(f"${name}", str(number))
    session.execute(text)
    for name, types in _SEEDS.items():
        session.execute(
            f"create table {name} as from read_csv('{SEEDS / name}.csv', header = true, types = {{{types}}})"
            if types
            else f"create table {name} as from read_csv('{SEEDS / name}.csv', header = true)"
        )
    for name, columns in _BEFORE.items():
        session.execute(f"create table {name} ({', '.join(columns)})")
    session.execute(f"create table tag_rules ({', '.join(run_inputs.TAG_RULE_COLUMNS)})")
    rules, _ = tag_rules.read(SEEDS / tag_rules.FILE, {})
    session.executemany(
        "insert into tag_rules values (?, ?, ?, ?, ?, ?, ?, true, false)",
        [
            (rule.place, rule.tag, rule.category, rule.condition_sql, rule.value_sql, rule.valid_from, rule.valid_until)
            for rule in rules
        ],
    )


def publish(session: Any) -> None:
    """What the night decided, kept for the next one."""
    (night,) = session.execute("select night from run_parameters").fetchone()
    given = {"night": night, "run_id": f"run {night}"}
    fresh = {}
    for table, query in _DECIDED.items():
        text = query.replace("intermediate.", "").replace("marts.", "").replace("ops.", "")
        fresh[table] = session.execute(
            text, {name: value for name, value in given.items() if f"${name}" in text}
        ).to_arrow_table()
    for table, rows in fresh.items():
        names = [column.split()[0] for column in _BEFORE[table]]
        session.register("fresh", rows)
        session.execute(f"insert into {table} by name select {', '.join(names)} from fresh")
        session.unregister("fresh")


def next_day(session: Any) -> None:
    """The orders of one more day, and the night after it."""
    session.execute(_NEXT_DAY)
