"""Stages of the lifecycle once more, in plain Python and whole numbers, by the written definition.

What belongs here: from the times and categories of a person's purchases to their stages. Which orders are purchases,
and whose, is known to whoever asks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

SILENCES = ("at_risk", "dormant", "lost")
# First day of the quarter and category, None for all → gaps and their median in seconds.
Medians = dict[tuple[date, str | None], tuple[int, Fraction]]


class Purchase(NamedTuple):
    ordered_at: datetime
    category: str | None


def first_day_of_quarter(day: date) -> date:
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def median(values: Sequence[int]) -> Fraction:
    ordered = sorted(values)
    return Fraction(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2], 2)


def seconds_between(before: Purchase, after: Purchase) -> int:
    return int((after.ordered_at - before.ordered_at).total_seconds())


def medians_of(people: Iterable[Sequence[Purchase]], zone: tzinfo) -> Medians:
    """How long the gaps were that ended in each quarter; each person's purchases in their order."""
    gaps: dict[tuple[date, str | None], list[int]] = defaultdict(list)
    for purchases in people:
        for before, purchase in pairwise(purchases):
            quarter = first_day_of_quarter(purchase.ordered_at.astimezone(zone).date())
            for category in {None, purchase.category}:
                gaps[quarter, category].append(seconds_between(before, purchase))
    return {key: (len(found), median(found)) for key, found in gaps.items()}


def usual_gap(purchases: Sequence[Purchase], medians: Medians, config: Mapping[str, Any], zone: tzinfo) -> Fraction:
    """The gap in seconds that is usual for the person at the last of these purchases."""
    last = purchases[-1]
    quarter = first_day_of_quarter(last.ordered_at.astimezone(zone).date())
    closed = first_day_of_quarter(quarter - timedelta(days=1))
    gaps, market = medians.get((closed, last.category), (0, Fraction(0)))
    if last.category is None or gaps < int(config["min_category_gaps"]):
        _, market = medians.get((closed, None), (0, Fraction(int(config["default_gap_days"]) * 86400)))
    own = [seconds_between(*pair) for pair in pairwise(purchases)]
    prior = int(config["prior_gaps"])
    gap = (sum(own) + prior * market) / (len(own) + prior)
    shortest, longest = (Fraction(int(config[f"{side}_gap_days"]) * 86400) for side in ("min", "max"))
    return min(max(gap, shortest), longest)


def stages(
    purchases: Sequence[Purchase],
    first_seen: datetime,
    as_of: datetime,
    medians: Medians,
    config: Mapping[str, Any],
    zone: tzinfo,
) -> list[tuple[str, datetime, datetime | None]]:
    """The stages a person entered by the as-of, each with its start and, if it is over, its end."""
    entered = [("prospect", first_seen)]
    silence: dict[str, datetime] = {}
    for number, purchase in enumerate(purchases):
        at = purchase.ordered_at
        entered += [(stage, begins) for stage, begins in silence.items() if begins < at]
        won_back = bool(silence) and silence["dormant"] <= at
        entered.append(("new" if not number else "won_back" if won_back else "active", at))
        gap = usual_gap(purchases[: number + 1], medians, config, zone)
        silence = {}
        for stage in SILENCES:
            seconds = (
                Fraction(int(config[f"{stage}_days"]) * 86400)
                if config["mode"] == "fixed"
                else gap * Fraction(config[f"{stage}_factor"])
            )
            silence[stage] = at + timedelta(seconds=int(seconds + Fraction(1, 2)))
    entered += silence.items()
    if purchases and first_seen >= purchases[0].ordered_at:
        del entered[0]
    told: list[tuple[str, datetime]] = []
    for place, (stage, at) in enumerate(entered):
        is_over_at_once = place + 1 < len(entered) and entered[place + 1][1] == at
        if at <= as_of and not is_over_at_once and (not told or told[-1][0] != stage):
            told.append((stage, at))
    ends: list[datetime | None] = [*(at for _, at in told[1:]), None][: len(told)]
    return [(stage, at, end) for (stage, at), end in zip(told, ends, strict=True)]
