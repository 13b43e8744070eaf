"""Who has what of which order, once more in plain Python, from the published touchpoints and orders.

What belongs here: paths, null paths, and the eight models by the written definitions, in fractions, with the shipped
settings. It shares no line with the models: sets are lists of channels, and systems are solved exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from itertools import chain, combinations, groupby, pairwise
from math import factorial
from typing import Any

from tests.integration.recompute import REPORTING_ZONE

LOOKBACK, HALF_LIFE, MOST_CHANNELS = timedelta(days=30), 7 * 86400, 11
UNITS = 10**12
TYPES = ("ad_click", "message_clicked", "page_view", "call_in", "store_visit")
PLAIN = ("first", "last", "last_non_direct", "linear", "time_decay", "position_based")
FITTED = ("markov", "shapley")

Row = dict[str, Any]
Weights = dict[tuple[date, str], dict[str, Decimal]]


@dataclass
class Paths:
    """The touches of each order, in order, and the channels of each null path with its month."""

    of_orders: dict[str, list[Row]]
    nulls: list[tuple[date, tuple[str, ...]]]


def month_of(instant: datetime) -> date:
    return instant.astimezone(REPORTING_ZONE).date().replace(day=1)


def paths(touchpoints: list[Row], orders: list[Row], as_of: datetime) -> Paths:
    touches, bought = defaultdict(list), defaultdict(list)
    for touch in touchpoints:
        if touch["is_eligible"] and touch["customer_id"] is not None:
            touches[touch["customer_id"]].append(touch)
    for order in orders:
        if order["is_valid"] and order["customer_id"] is not None:
            bought[order["customer_id"]].append(order)
    found = Paths({}, [])
    for customer, of_person in touches.items():
        of_person.sort(
            key=lambda t: (t["occurred_at"], TYPES.index(t["touchpoint_type"]), t["source_system"],
                           t["source_record_id"])
        )  # fmt: skip
        credited = set()
        before = datetime.min.replace(tzinfo=UTC)
        for order in sorted(bought[customer], key=lambda o: o["customer_order_number"]):
            begin = max(before, order["ordered_at"] - LOOKBACK)
            path = [t for t in of_person if begin < t["occurred_at"] <= order["ordered_at"]]
            found.of_orders[order["order_id"]] = path
            credited |= {t["touchpoint_id"] for t in path}
            before = order["ordered_at"]
        run: list[Row] = []
        for touch in [t for t in of_person if t["touchpoint_id"] not in credited]:
            if run and touch["occurred_at"] - run[-1]["occurred_at"] > LOOKBACK:
                found.nulls.append(null_path(run))
                run = []
            run.append(touch)
        if run and run[-1]["occurred_at"] + LOOKBACK <= as_of:
            found.nulls.append(null_path(run))
    return found


def null_path(run: list[Row]) -> tuple[date, tuple[str, ...]]:
    return month_of(run[-1]["occurred_at"]), tuple(touch["channel"] for touch in run)


def fitted_weights(found: Paths, orders: list[Row]) -> Weights:
    """(month, model) → channel → weight, rounded to 12 decimals."""
    ordered_at = {order["order_id"]: order["ordered_at"] for order in orders}
    by_month: dict[date, list[tuple[tuple[str, ...], bool]]] = defaultdict(list)
    for order_id, path in found.of_orders.items():
        if path:
            by_month[month_of(ordered_at[order_id])].append((tuple(touch["channel"] for touch in path), True))
    for month, channels in found.nulls:
        by_month[month].append((channels, False))
    weights: Weights = {}
    for month, listed in by_month.items():
        touched = Counter(channel for channels, _ in listed for channel in channels if channel != "other")
        named = sorted(touched, key=lambda channel: (-touched[channel], channel))[:MOST_CHANNELS]
        shown = [(tuple(c if c in named else "other" for c in channels), won) for channels, won in listed]
        for model, fit in (("markov", removal_effects), ("shapley", shapley_values)):
            weights[month, model] = {channel: rounded(max(value, Fraction(0))) for channel, value in fit(shown).items()}
    return weights


def rounded(value: Fraction) -> Decimal:
    with localcontext(prec=60):
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        return exact.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)


def removal_effects(listed: list[tuple[tuple[str, ...], bool]]) -> dict[str, Fraction]:
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    for channels, won in listed:
        for left, right in pairwise(
            ["START", *(channel for channel, _ in groupby(channels)), "CONV" if won else "NULL"]
        ):
            steps[left][right] += 1
    channels = sorted({channel for path, _ in listed for channel in path})

    def converted(removed: str | None) -> Fraction:
        states = ["START", *(channel for channel in channels if channel != removed)]
        rows = []
        for state in states:
            leaving = sum(steps[state].values())
            row = [Fraction(-steps[state][to], leaving) + (to == state) for to in states]
            rows.append([*row, Fraction(steps[state]["CONV"], leaving)])
        for at in range(len(states)):
            pivot = next(row for row in range(at, len(states)) if rows[row][at])
            rows[at], rows[pivot] = rows[pivot], rows[at]
            rows[at] = [cell / rows[at][at] for cell in rows[at]]
            for other in range(len(states)):
                if other != at and rows[other][at]:
                    rows[other] = [a - rows[other][at] * b for a, b in zip(rows[other], rows[at], strict=True)]
        return rows[0][-1]

    whole = converted(None)
    return {channel: 1 - converted(channel) / whole if whole else Fraction(0) for channel in channels}


def shapley_values(listed: list[tuple[tuple[str, ...], bool]]) -> dict[str, Fraction]:
    tallied: dict[frozenset[str], list[int]] = defaultdict(lambda: [0, 0])
    for path, won in listed:
        tallied[frozenset(path)][0] += won
        tallied[frozenset(path)][1] += 1
    channels = sorted({channel for path, _ in listed for channel in path})
    known: dict[frozenset[str], Fraction] = {}

    def worth(members: frozenset[str]) -> Fraction:
        if members not in known:
            inside = [counts for of_path, counts in tallied.items() if of_path <= members]
            total = sum(counts[1] for counts in inside)
            known[members] = Fraction(sum(counts[0] for counts in inside), total) if total else Fraction(0)
        return known[members]

    k = len(channels)
    found = {}
    for channel in channels:
        others = [other for other in channels if other != channel]
        found[channel] = sum(
            Fraction(factorial(len(s)) * factorial(k - len(s) - 1), factorial(k))
            * (worth(frozenset({*s, channel})) - worth(frozenset(s)))
            for s in chain.from_iterable(combinations(others, size) for size in range(k))
        )
    return found


def touch_weights(model: str, path: list[Row], ordered_at: datetime, weights: dict[str, Decimal]) -> list[Fraction]:
    """How much of the order each touch of a path is worth, in any unit."""
    n = len(path)
    if model in ("first", "last", "last_non_direct"):
        known = [at for at, touch in enumerate(path) if not touch["is_direct"]]
        at = 0 if model == "first" else known[-1] if model == "last_non_direct" and known else n - 1
        return [Fraction(int(place == at)) for place in range(n)]
    if model == "linear":
        return [Fraction(1)] * n
    if model == "position_based":
        between = [Fraction(1, 5) / (n - 2)] * (n - 2) if n > 2 else []
        ends = Fraction(2, 5) if n > 2 else Fraction(1, n)
        return [ends, *between, ends][:n]
    if model == "time_decay":
        with localcontext(prec=50):
            ages = [Decimal(str((ordered_at - touch["occurred_at"]) / timedelta(seconds=1))) for touch in path]
            return [Fraction(Decimal(2) ** (-age / HALF_LIFE)) for age in ages]
    channels = [touch["channel"] if touch["channel"] in weights else "other" for touch in path]
    counts = Counter(channels)
    shares = [Fraction(weights[channel]) / counts[channel] for channel in channels]
    return shares if sum(shares) else [Fraction(1)] * n


def largest_remainder(units: int, weights: list[Fraction]) -> list[int]:
    exact = [abs(units) * weight / sum(weights) for weight in weights]
    whole = [int(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda at: (whole[at] - exact[at], at))
    for at in by_remainder[: abs(units) - sum(whole)]:
        whole[at] += 1
    return [part if units >= 0 else -part for part in whole]


def credits(
    found: Paths, weights: Weights, orders: list[Row]
) -> dict[tuple[str, str], list[tuple[Row | None, Decimal, Decimal]]]:
    """(order, model) → (touch, credit, revenue) of every touch that has a part, in the order of the path."""
    shared: dict[tuple[str, str], list[tuple[Row | None, Decimal, Decimal]]] = {}
    for order in [order for order in orders if order["is_valid"]]:
        path = found.of_orders.get(order["order_id"]) or []
        net = order["net_amount_reporting"]
        for model in (*PLAIN, *FITTED):
            if not path:
                shared[order["order_id"], model] = [(None, Decimal(1), net)]
                continue
            of_month = weights.get((month_of(order["ordered_at"]), model), {})
            units = largest_remainder(UNITS, touch_weights(model, path, order["ordered_at"], of_month))
            money = largest_remainder(int(net * 100), [Fraction(part) for part in units])
            shared[order["order_id"], model] = [
                (touch, Decimal(part) / UNITS, Decimal(fen) / 100)
                for touch, part, fen in zip(path, units, money, strict=True)
                if part
            ]
    return shared
