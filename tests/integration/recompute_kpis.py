"""Every key figure once more in plain Python, row by row from the published facts.

What belongs here: days, months and windows by the written definitions, and what is counted in each. It shares no line
with the models and asks no query for arithmetic; whose orders and touches are whose, and what an order is worth, is
worked out elsewhere and taken from the published tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from tests.integration.recompute import REPORTING_ZONE

ALL = "(all)"
YEAR, MONTH_OF_TOUCH = timedelta(days=365), timedelta(days=30)
ZERO = Decimal(0)

Row = dict[str, Any]
Cohort = tuple[int, int | None, Decimal | None, Decimal | None, Decimal | None]
# Numerator, denominator, value, whether all windows are over.
Figure = tuple[Decimal | None, Decimal | None, Decimal | None, bool]


@dataclass
class Facts:
    """The published tables that the figures are made of, and the instant of the run."""

    as_of: datetime
    orders: list[Row]
    customers: list[Row]
    tickets: list[Row]
    messages: list[Row]
    ads: list[Row]
    touchpoints: list[Row]
    attribution: list[Row]
    fitted_weights: list[Row]
    journey_steps: list[Row]
    channel_of_platform: dict[str, str]
    margin_share: Decimal
    values: list[Row]
    order_lines: list[Row]
    costs: dict[str, Decimal]
    audience_members: list[Row]

    def __post_init__(self) -> None:
        self.last_day = day_of(self.as_of) - timedelta(days=1)
        self.valid = [order for order in self.orders if order["is_valid"]]
        self.of_person: dict[str, list[Row]] = defaultdict(list)
        for order in sorted(self.valid, key=lambda order: order["customer_order_number"] or 0):
            if order["customer_id"] is not None:
                self.of_person[order["customer_id"]].append(order)
        self.kept: dict[str, list[tuple[str | None, Decimal]]] = defaultdict(list)
        for line in self.order_lines:
            kept = Decimal(0) if line["is_gift_card"] else line["quantity"] - (line["refunded_quantity"] or 0)
            self.kept[line["order_id"]].append((line["sku"], kept))
        self.firsts = {person: bought[0] for person, bought in self.of_person.items()}


def day_of(instant: datetime) -> date:
    return instant.astimezone(REPORTING_ZONE).date()


def month_of(day: date) -> date:
    return day.replace(day=1)


def months_later(month: date, number: int) -> date:
    years, months = divmod(month.month - 1 + number, 12)
    return date(month.year + years, months + 1, 1)


def begin_of(month: date) -> datetime:
    return datetime.combine(month, time(), REPORTING_ZONE)


def ratio(numerator: Decimal | int | None, denominator: Decimal | int | None, is_complete: bool = True) -> Figure:
    over = None if numerator is None else Decimal(numerator)
    under = None if denominator is None else Decimal(denominator)
    with localcontext(prec=60):
        value = (over / under).quantize(Decimal("1e-6"), ROUND_HALF_UP) if under and over is not None else None
    return over, under, value, is_complete


def amount(numerator: Decimal | int | None, is_complete: bool = True) -> Figure:
    value = None if numerator is None else Decimal(numerator)
    return value, None, value, is_complete


def is_purchase(order: Row) -> bool:
    return order["due_amount"] == 0 or order["net_amount"] > 0


def margin(facts: Facts, order: Row) -> Decimal:
    """What the order left after the cost of what was kept of it, or a share of its net."""
    kept = facts.kept[order["order_id"]] if facts.costs else []
    if kept and all(sku in facts.costs for sku, quantity in kept if quantity > 0):
        sales = (order["net_sales_amount"] * order["fx_rate"]).quantize(Decimal("0.01"), ROUND_HALF_UP)
        return sales - sum((quantity * facts.costs.get(sku or "", ZERO) for sku, quantity in kept), ZERO)
    return (order["net_amount_reporting"] * facts.margin_share).quantize(Decimal("0.01"), ROUND_HALF_UP)


def of_periods(facts: Facts, period: Callable[[date], date]) -> dict[tuple[str, date, str], Figure]:
    """(figure, first day, channel) → what the days of the period say of it; `period`: a day's first day."""
    found: dict[tuple[str, date, str], Figure] = {}

    def each(rows: Iterable[Row], day: Callable[[Row], date]) -> dict[tuple[date, str], list[Row]]:
        groups: dict[tuple[date, str], list[Row]] = defaultdict(list)
        for row in rows:
            if day(row) <= facts.last_day:
                groups[period(day(row)), row["channel"]].append(row)
                groups[period(day(row)), ALL].append(row)
        return groups

    known = {row["customer_id"] for row in facts.customers if not row["is_anonymous"]}
    sold = each(facts.valid, lambda order: day_of(order["ordered_at"]))
    for at, orders in sold.items():
        net = sum((order["net_amount_reporting"] for order in orders), ZERO)
        found["net_revenue", *at] = amount(net)
        found["orders", *at] = amount(len(orders))
        found["new_customers", *at] = amount(sum(order["customer_order_number"] == 1 for order in orders))
        found["aov", *at] = ratio(net, sum(order["net_amount_reporting"] > 0 for order in orders))
        found["order_match_rate", *at] = ratio(sum(order["customer_id"] in known for order in orders), len(orders))
    for at, orders in each(facts.firsts.values(), lambda order: day_of(order["ordered_at"])).items():
        over = [order for order in orders if order["ordered_at"] + YEAR <= facts.as_of]
        net, repeated = ZERO, 0
        for first in over:
            bought = facts.of_person[first["customer_id"]]
            end = first["ordered_at"] + YEAR
            net += sum((order["net_amount_reporting"] for order in bought if order["ordered_at"] < end), ZERO)
            repeated += len(bought) > 1 and bought[1]["ordered_at"] <= end
        found["ltv_12m", *at] = ratio(net, len(over), len(over) == len(orders))
        found["repeat_rate", *at] = ratio(repeated, len(over), len(over) == len(orders))
    for at, tickets in each(facts.tickets, lambda ticket: day_of(ticket["created_at"])).items():
        for kpi, column in (
            ("first_reply_seconds", "first_reply_seconds"), ("resolution_seconds", "full_resolution_seconds"),
            ("csat", "csat_score"),
        ):  # fmt: skip
            told = [ticket[column] for ticket in tickets if ticket[column] is not None]
            found[kpi, *at] = ratio(sum(told) if told else None, len(told))
        solved = [t["is_one_touch"] for t in tickets if t["solved_at"] and t["is_one_touch"] is not None]
        found["one_touch_share", *at] = ratio(sum(solved), len(solved))
        answers = [ticket["nps_score"] for ticket in tickets if ticket["nps_score"] is not None]
        found["nps", *at] = ratio(
            100 * (sum(a >= 9 for a in answers) - sum(a <= 6 for a in answers)), len(answers)
        )  # fmt: skip
    for at, messages in each(sent(facts.messages), lambda message: message["date"]).items():
        openable = [message for message in messages if message["tells_openings"]]
        found["message_open_rate", *at] = ratio(sum("opened" in m["events"] for m in openable), len(openable))
        found["message_click_rate", *at] = ratio(sum("clicked" in m["events"] for m in messages), len(messages))
    cost: dict[date, Decimal] = defaultdict(Decimal)
    for ad in facts.ads:
        if ad["date"] <= facts.last_day:
            cost[period(ad["date"])] += ad["cost_reporting"]
    for first_day in cost:
        found["marketing_cost", first_day, ALL] = amount(cost[first_day])
    for first_day in cost.keys() | {first_day for first_day, _ in sold}:
        new = found.get(("new_customers", first_day, ALL), (ZERO,))[0]
        found["cac", first_day, ALL] = ratio(cost.get(first_day, ZERO), new)
    return found


def sent(messages: list[Row]) -> list[Row]:
    """One row a message that did not bounce: what happened to it, and the day on which that began."""
    of_message: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in messages:
        of_message[row["source_system"], row["channel"], row["message_id"]].append(row)
    events = {key: {row["event"] for row in rows} for key, rows in of_message.items()}
    telling = {key[:2] for key, told in events.items() if "opened" in told and "bounced" not in told}
    return [
        {
            "channel": key[1],
            "events": events[key],
            "date": day_of(min(row["occurred_at"] for row in rows)),
            "tells_openings": key[:2] in telling,
        }
        for key, rows in of_message.items()
        if "bounced" not in events[key]
    ]


def daily(facts: Facts) -> dict[tuple[str, date, str], Figure]:
    """Every row of kpi_daily."""
    found = of_periods(facts, lambda day: day)
    known = [row for row in facts.customers if not row["is_anonymous"]]
    several = sum(len(row["source_systems"].split(", ")) > 1 for row in known)
    found["cross_source_rate", facts.last_day, ALL] = ratio(several, len(known))
    found["reachable_customers", facts.last_day, ALL] = amount(sum(row["marketing_consent"] for row in known))
    predicted = [row["predicted_value_12m"] for row in facts.values if row["predicted_value_12m"] is not None]
    found["ltv_predicted_12m", facts.last_day, ALL] = ratio(sum(predicted), len(predicted))
    return found


def cohorts(facts: Facts) -> dict[tuple[date, int], Cohort]:
    """(month of first orders, months since) → size, persons who came back, their share, all purchases, their margin."""
    members: dict[date, list[str]] = defaultdict(list)
    for person, first in facts.firsts.items():
        members[month_of(day_of(first["ordered_at"]))].append(person)
    found: dict[tuple[date, int], Cohort] = {}
    for cohort, persons in members.items():
        number = 0
        while (month := months_later(cohort, number)) <= facts.last_day:
            bought = {
                person: [o for o in facts.of_person[person] if month_of(day_of(o["ordered_at"])) == month]
                for person in persons
            }
            back = sum(any(map(is_purchase, orders)) for orders in bought.values())
            net = sum((order["net_amount_reporting"] for orders in bought.values() for order in orders), ZERO)
            left = sum((margin(facts, order) for orders in bought.values() for order in orders), ZERO)
            is_open = months_later(month, 1) > facts.last_day + timedelta(days=1)
            found[cohort, number] = (
                (len(persons), None, None, None, None) if is_open
                else (len(persons), back, ratio(back, len(persons))[2], net, left)
            )  # fmt: skip
            number += 1
    return found


def monthly(facts: Facts) -> dict[tuple[str, date, str, str], Figure]:
    """Every row of kpi_monthly."""
    found = {(kpi, at, channel, ALL): figure for (kpi, at, channel), figure in of_periods(facts, month_of).items()}
    new = {at: figure[0] for (kpi, at, channel, _), figure in found.items() if (kpi, channel) == ("new_customers", ALL)}
    found |= retention(facts, new)
    found |= across_channels(facts) | of_models(facts) | journeys(facts)

    def whole(kpi: str, month: date) -> Decimal:
        return found.get((kpi, month, ALL, ALL), (ZERO,))[0] or ZERO

    earliest = min(day_of(order["ordered_at"]) for order in facts.valid)
    for month in {month for _, month, channel, variant in found if channel == variant == ALL}:
        if not {("net_revenue", month, ALL, ALL), ("marketing_cost", month, ALL, ALL)} & found.keys():
            continue
        cost = whole("marketing_cost", month)
        before = months_later(month, -12)
        gain = whole("net_revenue", month) - whole("net_revenue", before) - cost if earliest <= before else None
        found["marketing_roi", month, ALL, ALL] = ratio(gain, cost)
    for (month, audience), incremental in holdouts(facts).items():
        cost = whole("marketing_cost", month)
        found["incremental_roi", month, ALL, audience] = ratio(incremental - cost, cost)
    back = cohorts(facts)
    for cohort in {cohort for cohort, _ in back}:
        cac = found["cac", cohort, ALL, ALL]
        earned, paid = ZERO, None
        for number in range(sum(of == cohort for of, _ in back)):
            size, _, _, _, left = back[cohort, number]
            if left is None or paid is not None:
                break
            earned += left
            # Whole cents on both sides: nothing is rounded before it is compared.
            if earned * cac[1] >= cac[0] * size:
                paid = number
        found["payback_months", cohort, ALL, ALL] = amount(paid, paid is not None)
    return {
        key: figure for key, figure in found.items() if months_later(key[1], 1) <= facts.last_day + timedelta(days=1)
    }


def holdouts(facts: Facts) -> dict[tuple[date, str], Decimal]:
    """(month, audience) → what the contacted bought, less what as many of those held out would have."""
    found: dict[tuple[date, str], Decimal] = {}
    for audience in {row["audience"] for row in facts.audience_members}:
        members = [row for row in facts.audience_members if row["audience"] == audience]
        month = min(month_of(row["member_since"]) for row in members)
        while month <= facts.last_day:
            net: dict[str, list[Decimal]] = {"contacted": [], "held_out": [], "contaminated": []}
            for row in members:
                if month_of(row["member_since"]) <= month:
                    days = [(day_of(o["ordered_at"]), o) for o in facts.of_person.get(row["customer_id"], [])]
                    net[row["arm"]].append(
                        sum((o["net_amount_reporting"] for day, o in days
                             if month_of(day) == month and day > row["member_since"]), ZERO)
                    )  # fmt: skip
            if net["contacted"] and net["held_out"]:
                expected = ratio(sum(net["held_out"]) * len(net["contacted"]), len(net["held_out"]))[2]
                found[month, audience] = sum(net["contacted"], ZERO) - (expected or ZERO)
            month = months_later(month, 1)
    return found


def retention(facts: Facts, new: dict[date, Decimal | None]) -> dict[tuple[str, date, str, str], Figure]:
    def active(at: datetime) -> set[str]:
        return {
            person
            for person, orders in facts.of_person.items()
            if any(at - YEAR < order["ordered_at"] <= at for order in orders if is_purchase(order))
        }

    found: dict[tuple[str, date, str, str], Figure] = {}
    month = months_later(month_of(min(day_of(first["ordered_at"]) for first in facts.firsts.values())), -1)
    while month <= facts.last_day:
        start, end = active(begin_of(month)), active(begin_of(months_later(month, 1)))
        if not found and not end:
            month = months_later(month, 1)
            continue
        found["retention", month, ALL, ALL] = ratio(len(start & end), len(start))
        found["retention_simple", month, ALL, ALL] = ratio(len(end) - (new.get(month) or 0), len(start))
        month = months_later(month, 1)
    return found


def across_channels(facts: Facts) -> dict[tuple[str, date, str, str], Figure]:
    touches: dict[date, dict[str, dict[str, datetime]]] = defaultdict(lambda: defaultdict(dict))
    for touch in facts.touchpoints:
        if touch["is_eligible"] and touch["customer_id"] is not None:
            of_person = touches[month_of(day_of(touch["occurred_at"]))][touch["customer_id"]]
            earlier = of_person.get(touch["channel"], touch["occurred_at"])
            of_person[touch["channel"]] = min(earlier, touch["occurred_at"])
    found = {}
    for month, persons in touches.items():
        second = {person: sorted(channels.values())[1] for person, channels in persons.items() if len(channels) > 1}
        over = {person: at for person, at in second.items() if at + MONTH_OF_TOUCH <= facts.as_of}
        bought = sum(
            any(at < order["ordered_at"] <= at + MONTH_OF_TOUCH for order in facts.of_person.get(person, []))
            for person, at in over.items()
        )
        if second:
            found["cross_channel_conversion", month, ALL, ALL] = ratio(bought, len(over), len(over) == len(second))
        found["cross_channel_share", month, ALL, ALL] = ratio(len(second), len(persons))
    return found


def of_models(facts: Facts) -> dict[tuple[str, date, str, str], Figure]:
    cost: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for ad in facts.ads:
        cost[month_of(ad["date"]), facts.channel_of_platform[ad["platform"]]] += ad["cost_reporting"]
    credit: dict[tuple[date, str, str], Decimal] = defaultdict(Decimal)
    revenue: dict[tuple[date, str, str], Decimal] = defaultdict(Decimal)
    for row in facts.attribution:
        at = month_of(day_of(row["ordered_at"])), row["channel"], row["model"]
        revenue[at] += row["revenue_reporting"] or 0
        credit[at] += row["credit"] if row["is_first_order"] else 0
    unsettled = {(row["month"], row["model"]) for row in facts.fitted_weights if not row["is_final"]}
    found = {}
    for (month, channel), spent in cost.items():
        for model in {row["model"] for row in facts.attribution} if spent else ():
            is_final = (month, model) not in unsettled
            found["cac", month, channel, model] = ratio(spent, credit[month, channel, model], is_final)
            found["roas", month, channel, model] = ratio(revenue[month, channel, model], spent, is_final)
    return found


def journeys(facts: Facts) -> dict[tuple[str, date, str, str], Figure]:
    runs: dict[tuple[str, str, int], Row] = {}
    for step in facts.journey_steps:
        runs[step["journey"], step["customer_id"], step["run_number"]] = step
    outcomes: dict[tuple[str, date], list[str]] = defaultdict(list)
    for (journey, _, _), step in runs.items():
        outcomes[journey, month_of(day_of(step["started_at"]))].append(step["run_status"])
    found: dict[tuple[str, date, str, str], Figure] = {}
    for (journey, month), ended in outcomes.items():
        is_over = "open" not in ended
        found["journey_completion", month, ALL, journey] = (
            ratio(ended.count("completed"), len(ended)) if is_over else ratio(None, None, False)
        )
    return found
