"""The tactical report: which ways lead to an order, what do they earn, and how well are people served?"""

from __future__ import annotations

import html
from itertools import pairwise

from reports import charts
from reports.page import Figure, Report
from reports.reader import Reader
from reports.wording import count, money, month, number, percent, short_month

MODELS = (
    "first", "last", "last_non_direct", "linear", "position_based", "time_decay", "markov", "shapley",
)  # fmt: skip
_MONTHS = 18
_TARGET_MINUTES = 5
_THREE_MONTHS = "(select max(month) - interval 2 month from marts.channel_roi)"

FUNNELS = """
select journey, step_number, step_name, persons_reached, share_of_first, share_of_previous, median_seconds, is_optional
from marts.journey_funnel
where period = 'all'
order by journey, step_number"""
COMPLETED = """
select variant as journey, month, value as share_completed, numerator as completed, denominator as begun
from marts.kpi_monthly
where kpi = 'journey_completion' and value is not null
order by variant, month"""
MODELS_SIDE_BY_SIDE = f"""
select channel, model, sum(attributed_revenue) as revenue
from marts.channel_roi
where month >= {_THREE_MONTHS}
group by channel, model
order by channel, model"""
CAMPAIGNS = f"""
select
    platform, campaign, sum(cost) as cost, sum(attributed_revenue) as revenue,
    sum(attributed_revenue) / nullif(sum(cost), 0) as earned_for_one_spent, sum(new_customers) as new_customers
from marts.channel_roi
where model = 'linear' and month >= {_THREE_MONTHS}
group by platform, campaign
having sum(cost) > 0
order by earned_for_one_spent desc, cost desc, campaign"""
COSTS = f"""
select channel, sum(cost) as cost, sum(attributed_revenue) as revenue, sum(new_customers) as new_customers,
    sum(cost) / nullif(sum(new_customers), 0) as cost_of_a_new_customer
from marts.channel_roi
where model = 'linear' and month >= {_THREE_MONTHS}
group by channel
having sum(cost) > 0
order by cost desc, channel"""
REPLIES = """
select month, channel, value / 60 as minutes_to_first_reply, denominator as tickets
from marts.kpi_monthly
where kpi = 'first_reply_seconds' and value is not null
order by month, channel"""
SERVICE = """
select
    month,
    max(value) filter (where kpi = 'one_touch_share') as solved_at_once,
    max(value) filter (where kpi = 'csat') as satisfaction,
    max(value) filter (where kpi = 'resolution_seconds') / 3600 as hours_to_solution
from marts.kpi_monthly
where channel = '(all)' and kpi in ('one_touch_share', 'csat', 'resolution_seconds')
group by month
order by month"""


def funnels(reader: Reader) -> Figure:
    """How far those come who begin a journey."""
    rows = reader.rows(FUNNELS)
    if not rows:
        return Figure("Nobody has begun a journey yet", FUNNELS)
    parts, losses = [], []
    for journey in dict.fromkeys(row["journey"] for row in rows):
        steps = [row for row in rows if row["journey"] == journey]
        begun = steps[0]["persons_reached"] or 0
        parts.append(f"<p><b>{html.escape(journey)}</b>: {count(begun, 'person')} began</p>")
        parts.append(
            charts.bars(
                [(row["step_name"], row["share_of_first"]) for row in steps], "share of those who began", percent
            )
        )
        needed = [row for row in steps if not row["is_optional"] and row["share_of_first"] is not None]
        drops = [
            (float(before["share_of_first"]) - float(after["share_of_first"]), journey, before, after)
            for before, after in pairwise(needed)
        ]
        losses += drops
    _, journey, before, after = max(losses, key=lambda loss: loss[0]) if losses else (0, "", {}, {})
    title = (
        f"Most are lost in {journey}: {percent(before['share_of_first'])} reach {before['step_name']}, "
        f"{percent(after['share_of_first'])} {after['step_name']}"
        if losses
        else "Nobody has gone on from the first step of a journey"
    )
    return Figure(title, FUNNELS, rows, "".join(parts))


def journeys(reader: Reader) -> Figure:
    """How many runs of each journey are completed, by the month in which they began."""
    rows = reader.rows(COMPLETED)
    if not rows:
        return Figure("No month of a journey is over yet", COMPLETED)
    months = sorted({row["month"] for row in rows})[-_MONTHS:]
    shares = {(row["journey"], row["month"]): row["share_completed"] for row in rows}
    latest = {row["journey"]: row for row in rows}
    best = max(latest.values(), key=lambda row: row["share_completed"])
    return Figure(
        f"{best['journey']} is completed most often: {percent(best['share_completed'])} of the runs begun in "
        f"{month(best['month'])}",
        COMPLETED,
        rows,
        charts.lines(
            [short_month(day) for day in months],
            {journey: [shares.get((journey, day)) for day in months] for journey in latest},
            "share completed",
            "month begun",
            percent,
        ),
        "A month is shown once none of its runs is open.",
    )


def models_side_by_side(reader: Reader) -> Figure:
    """What each channel is worth by each model of attribution, of the revenue that any touch led to."""
    rows = reader.rows(MODELS_SIDE_BY_SIDE)
    revenue = {(row["channel"], row["model"]): float(row["revenue"] or 0) for row in rows}
    models = [model for model in MODELS if any(key[1] == model for key in revenue)]
    total = {
        model: sum(value for (channel, of), value in revenue.items() if of == model and channel != "(none)")
        for model in models
    }
    shares = {
        (channel, model): value / total[model]
        for (channel, model), value in revenue.items()
        if channel != "(none)" and total.get(model)
    }
    channels = sorted({channel for channel, _ in shares}, key=lambda name: -shares.get((name, "linear"), 0.0))[:12]
    if not channels:
        return Figure("No touch led to an order in the last three months", MODELS_SIDE_BY_SIDE, rows)

    def spread(channel: str) -> tuple[float, float]:
        found = [shares.get((channel, model), 0.0) for model in models]
        return min(found), max(found)

    widest = max(channels, key=lambda channel: spread(channel)[1] - spread(channel)[0])
    low, high = spread(widest)
    without = sum(value for (channel, of), value in revenue.items() if (channel, of) == ("(none)", "linear"))
    everything = without + total.get("linear", 0.0)
    return Figure(
        f"The model matters most for {widest}: it earns {percent(low)} of attributed revenue by one, "
        f"{percent(high)} by another",
        MODELS_SIDE_BY_SIDE,
        rows,
        charts.heatmap(
            channels,
            models,
            shares,
            "channel",
            "model; % of attributed revenue",
            lambda share: f"{100 * share:.0f}",
        ),
        f"Last three months. {percent(without / everything if everything else None)} of revenue has no known touch "
        "before it and is in no column.",
    )


def campaigns(reader: Reader) -> Figure:
    """What the campaigns of the last three months earned for what they cost."""
    rows = reader.rows(CAMPAIGNS)
    if not rows:
        return Figure("No campaign has cost anything in the last three months", CAMPAIGNS)
    best, losing = rows[0], [row for row in rows if row["earned_for_one_spent"] < 1]
    shown = rows if len(rows) <= 14 else [*rows[:7], *rows[-7:]]
    return Figure(
        f"{best['campaign'] or best['platform']} earns {number(best['earned_for_one_spent'], 2)} {reader.currency} for "
        f"one spent; {len(losing)} of {count(len(rows), 'campaign')} earn less than they cost",
        CAMPAIGNS,
        rows,
        charts.bars(
            [(f"{row['campaign'] or row['platform']}", row["earned_for_one_spent"]) for row in shown],
            f"{reader.currency} earned for one spent, linear model, three months",
            lambda value: number(value, 2),
        ),
        "" if shown is rows else f"The first and last seven of {count(len(rows), 'campaign')}.",
    )


def replies(reader: Reader) -> Figure:
    """How soon the desk answers, by channel."""
    rows = reader.rows(REPLIES)
    months = sorted({row["month"] for row in rows})[-_MONTHS:]
    if not months:
        return Figure("No ticket was answered yet", REPLIES)
    of_last = {row["channel"]: row["minutes_to_first_reply"] for row in rows if row["month"] == months[-1]}
    channels = ["(all)", *sorted({row["channel"] for row in rows if row["month"] in months} - {"(all)"})]
    by_place = {(row["channel"], row["month"]): row["minutes_to_first_reply"] for row in rows}
    return Figure(
        f"The first answer took {number(of_last.get('(all)'))} minutes on average in {month(months[-1])}; "
        f"{_TARGET_MINUTES} is what people wait gladly",
        REPLIES,
        [row for row in rows if row["month"] in months],
        charts.lines(
            [short_month(day) for day in months],
            {channel: [by_place.get((channel, day)) for day in months] for channel in channels[:8]},
            "minutes to the first reply",
            "month the ticket was opened",
        ),
    )


def service(reader: Reader) -> Figure:
    """Whether people are content, and helped at once."""
    rows = reader.rows(SERVICE)[-_MONTHS:]
    if not rows:
        return Figure("No ticket was solved yet", SERVICE)
    last = rows[-1]
    series = {"solved at once": [row["solved_at_once"] for row in rows]}
    if all(row["satisfaction"] is None or row["satisfaction"] <= 1 for row in rows):
        series["content"] = [row["satisfaction"] for row in rows]
    return Figure(
        f"{percent(last['solved_at_once'])} of the tickets of {month(last['month'])} were solved at once; "
        f"a solution took {number(last['hours_to_solution'])} hours on average",
        SERVICE,
        rows,
        charts.lines(
            [short_month(row["month"]) for row in rows], series, "share", "month the ticket was opened", percent
        ),
    )


def costs(reader: Reader) -> Figure:
    """What was spent and what it earned, by channel, by the linear model."""
    rows = reader.rows(COSTS)
    if not rows:
        return Figure("No channel has cost anything in the last three months", COSTS)
    dear = rows[0]
    return Figure(
        f"{dear['channel']} cost most, {money(dear['cost'], reader.currency)} in three months, and earned "
        f"{money(dear['revenue'], reader.currency)}",
        COSTS,
        rows,
        charts.bars([(row["channel"], row["cost"]) for row in rows], f"cost in {reader.currency}, three months"),
    )


REPORT = Report(
    "tactical",
    "Tactical",
    "Which ways lead to an order, what do they earn for what they cost, and how well do we serve people?",
    (funnels, journeys, models_side_by_side, campaigns, costs, replies, service),
)
