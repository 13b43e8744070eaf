"""The operational report: messages, pages and stores in detail, and what of the night somebody should look at."""

from __future__ import annotations

from reports import charts
from reports.page import Figure, Report
from reports.reader import Reader
from reports.wording import compact, count, money, number, percent

_LAST = "(select max(run_id) from ops.runs)"
_DAY = "(select max(date) from marts.dates where is_complete)"

EXCEPTIONS = f"""
select * from (
    select 1 as place, 'source ' || source_system as subject, coalesce(reason, status) as what, rows_landed as rows
    from ops.freshness
    where status not in ('fresh', 'absent')
    union all
    select 2, 'check of ' || table_schema || '.' || table_name,
        expectation || ', seen ' || coalesce(observed, 'nothing'), unexpected_count
    from ops.quality_results
    where run_id = {_LAST} and not success
    union all
    select 3, source_system || ' ' || stream,
        'unusual ' || measure || ' on ' || business_date || ': ' || round(value, 2)
        || ', usually ' || round(usual_low, 2) || ' to ' || round(usual_high, 2),
        null
    from ops.anomalies
    where run_id = {_LAST}
    union all
    select 4, 'quarantine of ' || source_system || ' ' || source_table, rule, count(*)
    from ops.quarantine
    group by source_system, source_table, rule
    union all
    select 5, 'rule file ' || file || ', line ' || line, reason, null
    from ops.refused_rules
    union all
    select 6, 'audience ' || coalesce(audience, '?') || ', line ' || line, error, null
    from marts.audiences
    where status = 'refused' and as_of = (select max(as_of) from marts.audiences)
    union all
    select 7, 'reconciliation of ' || source_system, 'differs on ' || count(*) || ' days by '
        || sum(abs(difference)) || ' ' || currency, count(*)
    from ops.reconciliation
    where difference <> 0
    group by source_system, currency
)
order by place, subject, what"""
DAYS = f"""
select date, channel, max(value) filter (where kpi = 'net_revenue') as net_revenue,
    max(value) filter (where kpi = 'orders') as orders
from marts.kpi_daily
where kpi in ('net_revenue', 'orders') and date > {_DAY} - 28
group by date, channel
order by date, channel"""
MESSAGES = f"""
with seen as (
    select
        message_id, channel, coalesce(campaign, '(none)') as campaign,
        bool_or(event = 'bounced') as bounced, bool_or(event in ('opened', 'clicked')) as opened,
        bool_or(event = 'clicked') as clicked, bool_or(event = 'unsubscribed') as unsubscribed
    from marts.messages
    where occurred_at >= {_DAY} - 28
    group by message_id, channel, coalesce(campaign, '(none)')
)
select
    channel, campaign, count(*) as messages, count(*) filter (where bounced) as bounced,
    count(*) filter (where opened) as opened, count(*) filter (where clicked) as clicked,
    count(*) filter (where unsubscribed) as unsubscribed,
    count(*) filter (where clicked) / nullif(count(*) filter (where not bounced), 0) as click_rate
from seen
group by channel, campaign
order by messages desc, channel, campaign"""
PAGES = f"""
select
    page_path as page, count(*) as views, count(distinct customer_id) as persons,
    count(*) filter (where is_session_start) as visits_began,
    count(*) filter (where touchpoint_type = 'add_to_cart') as put_into_cart
from marts.touchpoints
where page_path is not null and occurred_at >= {_DAY} - 28
group by page_path
order by views desc, page
limit 20"""
STORES = f"""
select
    coalesce(stores.store_name, orders.store_id) as store, any_value(stores.city) as city,
    count(*) filter (where order_date > {_DAY} - 28) as orders,
    coalesce(sum(net_amount_reporting) filter (where order_date > {_DAY} - 28), 0) as net_revenue,
    coalesce(sum(net_amount_reporting) filter (where order_date <= {_DAY} - 28), 0) as four_weeks_before,
    count(customer_id) filter (where order_date > {_DAY} - 28)
        / nullif(count(*) filter (where order_date > {_DAY} - 28), 0) as share_with_known_buyer
from marts.orders
left join marts.stores on stores.store_id = orders.store_id
where orders.is_valid and orders.store_id is not null and order_date > {_DAY} - 56
group by coalesce(stores.store_name, orders.store_id)
order by net_revenue desc, store"""
RETURNS = f"""
select
    coalesce(orders.main_category, '(unknown)') as category, count(*) as refunds,
    sum(refunds.amount_reporting) as amount
from marts.refunds
left join marts.orders on orders.order_id = refunds.order_id
where refunds.is_counted and not refunds.is_test and refunds.reporting_date > {_DAY} - 28
group by coalesce(orders.main_category, '(unknown)')
order by amount desc nulls last, category
limit 12"""
SOLD_OUT = """
select store_id, count(*) as articles, count(*) filter (where available_quantity <= 0) as sold_out,
    sum(available_quantity) as pieces
from marts.inventory
where is_listed is not false
group by store_id
order by sold_out desc, store_id"""


def exceptions(reader: Reader) -> Figure:
    """What of the night is not as it should be, worst first."""
    rows = [{key: row[key] for key in ("subject", "what", "rows")} for row in reader.rows(EXCEPTIONS)]
    if not rows:
        return Figure("Nothing of the night needs anybody", EXCEPTIONS)
    return Figure(
        f"{count(len(rows), 'thing')} of the night {'wants' if len(rows) == 1 else 'want'} to be looked at, "
        f"first: {rows[0]['subject']}",
        EXCEPTIONS,
        rows,
        show_rows=True,
    )


def days(reader: Reader) -> Figure:
    """Revenue of the last four weeks, by channel."""
    rows = reader.rows(DAYS)
    dates = sorted({row["date"] for row in rows})
    if not dates:
        return Figure("Nothing was sold in the last four weeks", DAYS)
    revenue = {(row["channel"], row["date"]): row["net_revenue"] for row in rows}
    sums: dict[str, float] = {}
    for (channel, _), value in revenue.items():
        sums[channel] = sums.get(channel, 0.0) + float(value or 0)
    largest = sorted((name for name in sums if name != "(all)"), key=lambda name: -sums[name])[:4]
    total = sums.get("(all)", 0.0)
    return Figure(
        f"{money(total, reader.currency)} in four weeks"
        + (f", {percent(sums[largest[0]] / total)} of it in {largest[0]}" if largest and total > 0 else ""),
        DAYS,
        rows,
        charts.lines(
            [f"{day:%-d %b}" for day in dates],
            {
                name: [revenue.get((name, day), 0) for day in dates]
                for name in (["(all)", *largest] if "(all)" in sums else largest)
            },
            f"net revenue in {reader.currency}",
            "day",
        ),
    )


def messages(reader: Reader) -> Figure:
    """What became of the messages of four weeks."""
    rows = reader.rows(MESSAGES)
    if not rows:
        return Figure("No message was sent in the last four weeks", MESSAGES)
    sent, clicked = sum(row["messages"] for row in rows), sum(row["clicked"] for row in rows)
    bounced = sum(row["bounced"] for row in rows)
    best = max(rows, key=lambda row: (row["click_rate"] or 0, row["messages"]))
    arrived = sent - bounced
    return Figure(
        f"Of {count(sent, 'message')} in four weeks {percent(clicked / arrived if arrived else None, 1)} of those that "
        f"arrived were clicked; {best['campaign']} by {best['channel']} most often",
        MESSAGES,
        rows,
        charts.bars(
            [(f"{row['channel']} {row['campaign']}", row["click_rate"]) for row in rows[:14]],
            "clicked, of those that arrived",
            lambda value: percent(value, 1),
        ),
    )


def pages(reader: Reader) -> Figure:
    """What people look at."""
    rows = reader.rows(PAGES)
    if not rows:
        return Figure("No page was seen in the last four weeks", PAGES)
    begun = max(rows, key=lambda row: row["visits_began"])
    return Figure(
        f"{rows[0]['page']} was seen most, {count(rows[0]['views'], 'time')} in four weeks; "
        f"most visits begin at {begun['page']}",
        PAGES,
        rows,
        charts.bars([(row["page"], row["views"]) for row in rows[:14]], "views in four weeks"),
    )


def stores(reader: Reader) -> Figure:
    """What each store sold, and how that moved."""
    rows = reader.rows(STORES)
    if not rows:
        return Figure("No store has sold anything in eight weeks", STORES)
    moved = [
        (float(row["net_revenue"]) / float(row["four_weeks_before"]) - 1, row)
        for row in rows
        if row["four_weeks_before"] > 0
    ]
    change, fell = min(moved, key=lambda pair: pair[0]) if moved else (0.0, {})
    told = f"; {fell['store']} lost most, {change:+.0%}".replace("%", " %") if fell and change < 0 else ""
    return Figure(
        f"{rows[0]['store']} sold most in four weeks, {money(rows[0]['net_revenue'], reader.currency)}{told}",
        STORES,
        rows,
        charts.bars(
            [(str(row["store"]), row["net_revenue"]) for row in rows[:14]],
            f"net revenue in {reader.currency}, four weeks",
        ),
    )


def returns(reader: Reader) -> Figure:
    """What came back."""
    rows = reader.rows(RETURNS)
    if not rows:
        return Figure("Nothing came back in the last four weeks", RETURNS)
    total = sum(float(row["amount"] or 0) for row in rows)
    return Figure(
        f"{money(total, reader.currency)} went back in four weeks, most of it for {rows[0]['category']}",
        RETURNS,
        rows,
        charts.bars([(row["category"], row["amount"]) for row in rows], f"{reader.currency} given back, four weeks"),
    )


def sold_out(reader: Reader) -> Figure:
    """Where articles are missing."""
    rows = reader.rows(SOLD_OUT)
    if not rows:
        return Figure("No system tells what is on hand", SOLD_OUT)
    out = sum(row["sold_out"] for row in rows)
    return Figure(
        f"{count(out, 'article')} sold out at {count(sum(1 for row in rows if row['sold_out']), 'location')}, "
        f"{number(sum(row['pieces'] or 0 for row in rows))} pieces on hand",
        SOLD_OUT,
        rows,
        charts.bars([(str(row["store_id"]), row["sold_out"]) for row in rows[:14]], "articles sold out", compact),
    )


REPORT = Report(
    "operational",
    "Operational",
    "What happened in messages, pages and stores, and what of the night should somebody look at?",
    (exceptions, days, messages, pages, stores, returns, sold_out),
)
