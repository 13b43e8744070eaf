"""The strategic report: are customers worth what they cost, and do they stay?"""

from __future__ import annotations

from reports import charts
from reports.page import Figure, Report
from reports.reader import Reader, Row
from reports.wording import count, money, month, number, percent, short_month

_MONTHS = 24
_COHORTS = 12

WORTH_AND_COST = """
select
    month,
    max(value) filter (where kpi = 'ltv_12m' and is_complete) as worth_in_first_year,
    max(value) filter (where kpi = 'cac') as cost_of_a_new_customer
from marts.kpi_monthly
where channel = '(all)' and variant = '(all)' and kpi in ('ltv_12m', 'cac')
group by month
order by month"""
PAYBACK = """
select month, numerator, value as months_to_pay_back, is_complete
from marts.kpi_monthly
where kpi = 'payback_months' and channel = '(all)'
order by month"""
COHORTS = """
select cohort_month, months_since, cohort_size, persons_retained, retention_rate
from marts.cohort_retention
where is_complete and months_since between 1 and 12
order by cohort_month, months_since"""
RETENTION = """
select
    month,
    max(value) filter (where kpi = 'retention') as stayed,
    max(value) filter (where kpi = 'retention_simple') as with_those_who_returned
from marts.kpi_monthly
where channel = '(all)' and kpi in ('retention', 'retention_simple')
group by month
having stayed is not null
order by month"""
CROSS_CHANNEL = """
select
    month,
    max(value) filter (where kpi = 'cross_channel_share') as used_several_channels,
    max(value) filter (where kpi = 'cross_channel_conversion' and is_complete) as of_these_bought
from marts.kpi_monthly
where channel = '(all)' and kpi in ('cross_channel_share', 'cross_channel_conversion')
group by month
having used_several_channels is not null
order by month"""
SEGMENTS = """
select segment, count(*) as customers, sum(monetary) as spent
from marts.customer_rfm
where is_tonight
group by segment
order by spent desc nulls last, segment"""
FIRST_CHANNELS = """
select
    channel, sum(numerator) as net_of_first_year, sum(denominator) as customers,
    sum(numerator) / nullif(sum(denominator), 0) as worth_in_first_year
from marts.kpi_monthly
where kpi = 'ltv_12m' and channel <> '(all)'
group by channel
having sum(denominator) > 0
order by worth_in_first_year desc, channel
limit 12"""


def worth_and_cost(reader: Reader) -> Figure:
    """What the customers of a month brought in their first year, beside what one cost."""
    rows = reader.rows(WORTH_AND_COST)[-_MONTHS:]
    worth, cost = _last(rows, "worth_in_first_year"), _last(rows, "cost_of_a_new_customer")
    if not worth and not cost:
        return Figure("No month tells yet what a customer costs or is worth", WORTH_AND_COST)
    said = []
    if cost:
        said.append(
            f"A new customer cost {money(cost['cost_of_a_new_customer'], reader.currency)} in {month(cost['month'])}"
        )
    if worth:
        said.append(
            f"those of {month(worth['month'])} were worth {money(worth['worth_in_first_year'], reader.currency)} "
            "in their first year"
        )
    else:
        said.append("nobody's first year is over yet")
    return Figure(
        "; ".join(said),
        WORTH_AND_COST,
        rows,
        charts.lines(
            [short_month(row["month"]) for row in rows],
            {
                "net of the first year": [row["worth_in_first_year"] for row in rows],
                "cost of a new customer": [row["cost_of_a_new_customer"] for row in rows],
            },
            f"{reader.currency} a customer",
            "month of the first order",
        ),
        "A month is shown once the first year of all its customers is over; cost is marketing cost ÷ new customers.",
    )


def payback(reader: Reader) -> Figure:
    """After how many months the margin of a month's customers had paid for them."""
    rows = reader.rows(PAYBACK)[-_MONTHS:]
    paid = [row for row in rows if row["months_to_pay_back"] is not None]
    if not rows:
        return Figure("No month has customers to pay back yet", PAYBACK)
    title = f"Of {count(len(rows), 'month')} of new customers none has paid back its cost yet"
    if paid:
        title = (
            f"{len(paid)} of {count(len(rows), 'month')} of new customers have paid back their cost, "
            f"{month(paid[-1]['month'])} after {count(int(paid[-1]['months_to_pay_back']), 'month')}"
        )
    return Figure(
        title,
        PAYBACK,
        [{key: row[key] for key in ("month", "months_to_pay_back", "is_complete")} for row in rows],
        charts.bars(
            [(short_month(row["month"]), row["months_to_pay_back"]) for row in paid], "months until paid back", number
        ),
        "0 is the month of the first order. A month that is not shown has not been paid back.",
    )


def cohorts(reader: Reader) -> Figure:
    """Who came back in each month after the first order."""
    rows = reader.rows(COHORTS)
    months = sorted({row["cohort_month"] for row in rows})[-_COHORTS:]
    if not months:
        return Figure("No month has passed yet since the first customers came", COHORTS)
    kept = {since: [row for row in rows if row["months_since"] == since] for since in (1, 3, 6, 12)}
    told = [
        f"{percent(sum(row['persons_retained'] for row in found) / sum(row['cohort_size'] for row in found))} "
        f"{count(since, 'month')} later"
        for since, found in kept.items()
        if found
    ]
    columns = [str(since) for since in range(1, 13)]
    cells = {
        (short_month(row["cohort_month"]), str(row["months_since"])): row["retention_rate"]
        for row in rows
        if row["cohort_month"] in months
    }
    return Figure(
        f"Of new customers, {', '.join(told)} ordered again in that month",
        COHORTS,
        [row for row in rows if row["cohort_month"] in months],
        charts.heatmap(
            [short_month(day) for day in months],
            columns,
            cells,
            "first order",
            "months since the first order; % who ordered",
            lambda share: f"{100 * share:.0f}",
        ),
    )


def retention(reader: Reader) -> Figure:
    """The share of active customers that a month kept."""
    rows = reader.rows(RETENTION)[-_MONTHS:]
    if not rows:
        return Figure("No month yet began with active customers", RETENTION)
    last = rows[-1]
    return Figure(
        f"{percent(last['stayed'], 1)} of the customers active at the begin of {month(last['month'])} "
        "were so at its end",
        RETENTION,
        rows,
        charts.lines(
            [short_month(row["month"]) for row in rows],
            {
                "stayed": [row["stayed"] for row in rows],
                "(end − new) ÷ begin": [row["with_those_who_returned"] for row in rows],
            },
            "share of active customers",
            "month",
            percent,
        ),
        "Active is who ordered in the 365 days before.",
    )


def cross_channel(reader: Reader) -> Figure:
    """How many came by several channels, and what that was worth."""
    rows = reader.rows(CROSS_CHANNEL)[-_MONTHS:]
    if not rows:
        return Figure("Nobody is known to have come by a channel yet", CROSS_CHANNEL)
    last, bought = rows[-1], _last(rows, "of_these_bought")
    told = (
        f"; of those of {month(bought['month'])}, {percent(bought['of_these_bought'])} bought within 30 days"
        if bought
        else ""
    )
    return Figure(
        f"{percent(last['used_several_channels'])} of visitors came by several channels in {month(last['month'])}"
        f"{told}",
        CROSS_CHANNEL,
        rows,
        charts.lines(
            [short_month(row["month"]) for row in rows],
            {
                "came by several channels": [row["used_several_channels"] for row in rows],
                "of these bought": [row["of_these_bought"] for row in rows],
            },
            "share of persons",
            "month",
            percent,
        ),
    )


def segments(reader: Reader) -> Figure:
    """How much of what was spent each segment stands for."""
    rows = reader.rows(SEGMENTS)
    spent, people = sum(float(row["spent"] or 0) for row in rows), sum(row["customers"] for row in rows)
    if not rows or spent <= 0:
        return Figure("Nobody has bought anything in the last year", SEGMENTS, rows)
    best = rows[0]
    return Figure(
        f"“{best['segment']}” are {percent(best['customers'] / people)} of the last year's customers and "
        f"{percent(float(best['spent']) / spent)} of what was spent",
        SEGMENTS,
        rows,
        charts.bars(
            [(row["segment"], row["spent"]) for row in rows], f"{reader.currency} spent in 365 days, by RFM segment"
        ),
    )


def first_channels(reader: Reader) -> Figure:
    """By which channel the customers came who are worth most."""
    rows = reader.rows(FIRST_CHANNELS)
    if not rows:
        return Figure("Nobody's first year is over yet, by whatever channel they came", FIRST_CHANNELS)
    best = rows[0]
    return Figure(
        f"Customers who began in {best['channel']} are worth most in their first year: "
        f"{money(best['worth_in_first_year'], reader.currency)}",
        FIRST_CHANNELS,
        rows,
        charts.bars(
            [(row["channel"], row["worth_in_first_year"]) for row in rows],
            f"{reader.currency} a customer in the first year",
        ),
        "Of a channel with few customers chance decides; their numbers stand below.",
    )


def _last(rows: list[Row], name: str) -> Row | None:
    return next((row for row in reversed(rows) if row[name] is not None), None)


REPORT = Report(
    "strategic",
    "Strategic",
    "Are our customers worth what they cost us, and do they stay?",
    (worth_and_cost, payback, cohorts, retention, cross_channel, segments, first_channels),
)
