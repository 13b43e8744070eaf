"""Journeys worked out once more by their written definition, a person at a time, walking from touch to touch.

What belongs here: which touch makes which step, where runs begin and end, and the funnel counted from them. It shares
nothing with the models: no window, no chain of joins, no list of candidates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
# The order of touches of one instant, as docs/journeys.md tells it.
ORDER_OF_TYPES = (
    *("message_sent", "message_delivered", "message_opened", "ad_click", "message_clicked", "page_view", "call_in"),
    *("store_visit", "sign_up", "identified", "product_view", "add_to_cart", "checkout_started", "checkout_abandoned"),
    *("order", "checkout_completed", "ticket_opened", "call_out", "ticket_solved", "refund", "review"),
    *("message_bounced", "message_unsubscribed", "other_event"),
)


@dataclass
class Step:
    """One line of journeys.csv."""

    number: int
    name: str
    types: list[str]
    channels: list[str]
    orders_before: str
    only_eligible: bool
    within: timedelta
    is_optional: bool
    ended_by: list[str]


def read_rules(lines: Iterable[Row]) -> dict[str, list[Step]]:
    """The steps of each journey in their order; `lines` are those of journeys.csv, empty cells as NULL or ''."""
    journeys = defaultdict(list)
    for line in lines:
        cell = {name: str(value or "") for name, value in line.items()}
        within = cell["within"]
        journeys[cell["journey"]].append(
            Step(
                int(cell["step"]),
                cell["step_name"],
                cell["touchpoint_types"].split("|"),
                [channel for channel in cell["channels"].split("|") if channel],
                cell["orders_before"],
                cell["only_eligible"] == "y",
                timedelta(**{UNITS[within[-1]]: int(within[:-1])}) if within else timedelta(),
                cell["is_optional"] == "y",
                [word for word in cell["ended_by"].split("|") if word],
            )
        )
    return {journey: sorted(steps, key=lambda step: step.number) for journey, steps in journeys.items()}


def walk(
    rules: Mapping[str, list[Step]], touches: Iterable[Row], orders: Sequence[Row], as_of: datetime
) -> list[dict[str, Any]]:
    """The rows of journey_steps, without bookkeeping."""
    numbers = {order["order_id"]: order["customer_order_number"] for order in orders}
    ordered = defaultdict(list)
    for order in orders:
        if order["customer_order_number"] is not None:
            ordered[order["customer_id"]].append(order["ordered_at"])
    people = defaultdict(list)
    for touch in touches:
        if touch["customer_id"] is not None and touch["occurred_at"] <= as_of:
            people[touch["customer_id"]].append(touch)

    def orders_before(touch: Row) -> int | None:
        if touch["touchpoint_type"] == "order":
            number = numbers.get(touch["order_id"])
            return None if number is None else number - 1
        return sum(at < touch["occurred_at"] for at in ordered[touch["customer_id"]])

    def ends(step: Step, touch: Row) -> bool:
        return touch["touchpoint_type"] in step.ended_by and orders_before(touch) is not None

    def makes(step: Step, touch: Row) -> bool:
        if touch["touchpoint_type"] not in step.types or (step.channels and touch["channel"] not in step.channels):
            return False
        if step.only_eligible and not touch["is_eligible"]:
            return False
        before = orders_before(touch)
        if before is None or not step.orders_before:
            return before is not None
        wanted = int(step.orders_before.rstrip("+"))
        return before >= wanted if step.orders_before.endswith("+") else before == wanted

    rows = []
    for customer, theirs in people.items():
        theirs.sort(key=_place)
        for journey, steps in rules.items():
            # Only what this journey could mean orders its touches; the place in the list is all that counts.
            at, number = 0, 0
            free_after: datetime | None = None
            while at < len(theirs):
                start = theirs[at]
                if not makes(steps[0], start) or (free_after is not None and start["occurred_at"] <= free_after):
                    at += 1
                    continue
                number += 1
                run = _run(steps, theirs, at, makes, ends)
                shown = [(step, theirs[place], True) for step, place in run.reached]
                following = max(run.free_from, at + 1)
                if run.status == "left":
                    free_after = run.over_at
                next_start = next(
                    (
                        place
                        for place in range(following, len(theirs))
                        if makes(steps[0], theirs[place])
                        and (run.status != "left" or theirs[place]["occurred_at"] > run.over_at)
                    ),
                    len(theirs),
                )
                if run.late is not None and run.late[1] < next_start:
                    shown.append((run.late[0], theirs[run.late[1]], False))
                status = run.status
                if status == "left":
                    status = "left" if run.over_at < as_of else "open"
                for place, (step, touch, is_in_time) in enumerate(shown):
                    since = (touch["occurred_at"] - shown[place - 1][1]["occurred_at"]) if place else None
                    rows.append(
                        {
                            "customer_id": customer,
                            "journey": journey,
                            "run_number": number,
                            "step_number": step.number,
                            "step_name": step.name,
                            "run_status": status,
                            "touchpoint_id": touch["touchpoint_id"],
                            "order_id": touch["order_id"],
                            "seconds_since_previous": None if since is None else since // timedelta(seconds=1),
                            "is_in_time": is_in_time,
                            "is_furthest": place == len(run.reached) - 1,
                            "started_at": start["occurred_at"],
                            "occurred_at": touch["occurred_at"],
                            "over_at": run.over_at,
                        }
                    )
                at = next_start
    return rows


@dataclass
class Run:
    """One run: the steps reached with the places of their touches, and how it went on."""

    reached: list[tuple[Step, int]]
    status: str
    over_at: datetime
    free_from: int
    late: tuple[Step, int] | None = None


def _run(steps: list[Step], touches: list[Row], start: int, makes: Any, ends: Any) -> Run:
    def first(wanted: Any) -> int | None:
        return next((place for place in range(reached[-1][1] + 1, len(touches)) if wanted(touches[place])), None)

    reached = [(steps[0], start)]
    for place, step in enumerate(steps[1:], start=1):
        needed = next(later for later in steps[place:] if not later.is_optional)
        until = touches[reached[-1][1]]["occurred_at"] + step.within
        made = first(lambda touch, step=step: makes(step, touch))
        over = first(lambda touch, needed=needed: ends(needed, touch))
        passed = first(lambda touch, needed=needed: makes(needed, touch))
        limits = [limit for limit in (over, passed if step.is_optional else None) if limit is not None]
        if made is not None and touches[made]["occurred_at"] <= until and all(made <= limit for limit in limits):
            reached.append((step, made))
            continue
        if step.is_optional:
            continue
        if over is not None and touches[over]["occurred_at"] <= until:
            return Run(reached, "ended", touches[over]["occurred_at"], over)
        late = (step, made) if made is not None and (over is None or made <= over) else None
        return Run(reached, "left", until, 0, late)
    last = reached[-1][1]
    return Run(reached, "completed", touches[last]["occurred_at"], last)


def _place(touch: Row) -> tuple[Any, ...]:
    kind = touch["touchpoint_type"]
    rank = ORDER_OF_TYPES.index(kind) if kind in ORDER_OF_TYPES else len(ORDER_OF_TYPES)
    return touch["occurred_at"], rank, touch["source_system"], touch["source_record_id"], touch["touchpoint_id"]


def funnel(rules: Mapping[str, list[Step]], rows: Iterable[Row], zone: str) -> dict[tuple[str, str, int], Row]:
    """The rows of journey_funnel by journey, period and step, counted from those of journey_steps."""
    cells = defaultdict(list)
    entered = defaultdict(set)
    for row in rows:
        for period in (f"{row['started_at'].astimezone(ZoneInfo(zone)):%Y-%m}", "all"):
            cells[row["journey"], period, row["step_number"]].append(row)
            entered[row["journey"], period].add(row["customer_id"])
    found = {}
    for (journey, period), everybody in entered.items():
        before: int | None = None
        for step in rules[journey]:
            here = cells[journey, period, step.number]
            in_time = [row for row in here if row["is_in_time"]]
            persons = len({row["customer_id"] for row in in_time})
            stayed = [row["run_status"] for row in in_time if row["is_furthest"]]
            waited = [row["seconds_since_previous"] for row in in_time if row["seconds_since_previous"] is not None]
            found[journey, period, step.number] = {
                "step_name": step.name,
                "persons_entered": len(everybody),
                "persons_reached": persons,
                "runs_reached": len(in_time),
                "runs_completed": stayed.count("completed"),
                "runs_ended": stayed.count("ended"),
                "runs_left": stayed.count("left"),
                "runs_open": stayed.count("open"),
                "runs_late": len(here) - len(in_time),
                "share_of_previous": persons / before if before else None,
                "share_of_first": persons / len(everybody),
                "median_seconds": median(waited) if waited else None,
                "is_optional": step.is_optional,
            }
            if not step.is_optional:
                before = persons
    return found
