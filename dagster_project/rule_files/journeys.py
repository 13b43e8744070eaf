"""Journeys as steps: the lines of journeys.csv, and the types of touchpoint that they may name."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from dagster_project.config import ConfigurationError
from dagster_project.rule_files.rows import rows

# The kinds of contact that the touchpoints have; an export of touchpoints may add its own.
TOUCHPOINT_TYPES = (
    *("ad_click", "page_view", "product_view", "add_to_cart", "checkout_started", "checkout_abandoned"),
    *("checkout_completed", "sign_up", "identified", "review", "other_event", "order", "refund", "store_visit"),
    *("message_sent", "message_delivered", "message_opened", "message_clicked", "message_bounced"),
    *("message_unsubscribed", "ticket_opened", "ticket_solved", "call_in", "call_out"),
)
JOURNEY_COLUMNS = (
    *("journey", "step", "step_name", "touchpoint_types", "channels", "orders_before", "only_eligible", "within"),
    *("is_optional", "ended_by"),
)
LAST_JOURNEY_STEP = 8


def check_journeys(file: Path, words: Path) -> None:
    """Raise `ConfigurationError` for an unknown touchpoint type, a gap in a journey's steps, or a time that is none.

    `words`: the export_words.csv of the run, which names the types that a company's own exports add.
    """
    known = {*TOUCHPOINT_TYPES, *_types_of_exports(words)}
    journeys: dict[str, dict[int, tuple[int, dict[str, str]]]] = {}
    for line, row in rows(file, list(JOURNEY_COLUMNS)):
        if None in row or None in row.values():
            raise ConfigurationError(
                f"{file}, line {line}: a line has {len(JOURNEY_COLUMNS)} cells, empty ones included."
            )
        cells = {name: cell or "" for name, cell in row.items() if name}
        _check_journey_line(f"{file}, line {line}", cells, known)
        steps = journeys.setdefault(cells["journey"], {})
        step = int(cells["step"])
        for number, (earlier, other) in steps.items():
            if number == step or other["step_name"] == cells["step_name"]:
                raise ConfigurationError(
                    f"{file}, line {line}: step {step}, {cells['step_name']}, of {cells['journey']} has the number or "
                    f"the name of line {earlier}. Each step has its own."
                )
        steps[step] = (line, cells)
    for journey, steps in journeys.items():
        for place, step in enumerate(sorted(steps), start=1):
            if step != place:
                raise ConfigurationError(
                    f"{file}, line {steps[step][0]}: {journey} has a step {step} and no step {place}. Number its steps "
                    "from 1, without a gap."
                )
        _check_optional_steps(file, steps)


def _check_journey_line(place: str, cells: dict[str, str], known: set[str]) -> None:
    for name in ("journey", "step_name"):
        if not re.fullmatch("[a-z][a-z0-9_]*", cells[name]):
            raise ConfigurationError(
                f"{place}: {name} is {cells[name]!r}; write a name of small letters, digits and underscores."
            )
    if not re.fullmatch(f"[1-{LAST_JOURNEY_STEP}]", cells["step"]):
        raise ConfigurationError(
            f"{place}: the step is {cells['step']!r}; it has to be a whole number from 1 to {LAST_JOURNEY_STEP}."
        )
    types = cells["touchpoint_types"].split("|")
    ends = cells["ended_by"].split("|") if cells["ended_by"] else []
    for word in [*types, *ends]:
        if word not in known:
            raise ConfigurationError(
                f"{place}: {word!r} is no type of touchpoint. The types are {', '.join(TOUCHPOINT_TYPES)}, and those "
                "that export_words.csv names for touchpoint_type; several are written with a bar between them."
            )
    for listed in (types, ends, cells["channels"].split("|")):
        if len(set(listed)) < len(listed):
            raise ConfigurationError(f"{place}: {'|'.join(listed)} says a word twice. Once is enough.")
    for channel in cells["channels"].split("|") if cells["channels"] else []:
        if not re.fullmatch(r"\w+", channel):
            raise ConfigurationError(
                f"{place}: the channels are {cells['channels']!r}; write them as marts.touchpoints has them, with a "
                "bar between two."
            )
    if not re.fullmatch(r"|[0-9]{1,6}\+?", cells["orders_before"]):
        raise ConfigurationError(
            f"{place}: orders_before is {cells['orders_before']!r}; write 0 for a person without an order, 1 for one, "
            "1+ for one or more, or nothing."
        )
    for flag in ("only_eligible", "is_optional"):
        if cells[flag] not in ("", "y"):
            raise ConfigurationError(f"{place}: {flag} is {cells[flag]!r}; write y, or nothing.")
    if cells["step"] == "1":
        if cells["within"] or cells["is_optional"] or ends:
            raise ConfigurationError(
                f"{place}: a journey begins with its first step, which has no time allowed, is not optional and is "
                "ended by nothing. Leave within, is_optional and ended_by empty."
            )
    elif not re.fullmatch("[1-9][0-9]{0,4}[mhd]", cells["within"]):
        raise ConfigurationError(
            f"{place}: the time allowed since the step before is {cells['within']!r}; write a whole number from 1 and "
            "its unit: 30m for minutes, 12h for hours, 7d for days."
        )
    if ends and cells["is_optional"]:
        raise ConfigurationError(
            f"{place}: an optional step is ended by what ends the next step that is not; write ended_by there."
        )


def _check_optional_steps(file: Path, steps: dict[int, tuple[int, dict[str, str]]]) -> None:
    """The last step is not optional, and an optional one is not waited for longer than the step after it."""
    needed: int | None = None
    for step in sorted(steps, reverse=True):
        line, cells = steps[step]
        if not cells["is_optional"]:
            needed = step
        elif needed is None:
            raise ConfigurationError(
                f"{file}, line {line}: the last step of {cells['journey']} is optional, so nothing would complete it. "
                "Leave is_optional empty or the step out."
            )
        elif _minutes(cells["within"]) > _minutes(steps[needed][1]["within"]):
            raise ConfigurationError(
                f"{file}, line {line}: the optional step {cells['step_name']} is allowed {cells['within']}, longer "
                f"than {steps[needed][1]['within']} of {steps[needed][1]['step_name']}, which is waited for at the "
                "same time. Allow it as long at most."
            )


def _minutes(within: str) -> int:
    return int(within[:-1]) * {"m": 1, "h": 60, "d": 1440}[within[-1]]


def _types_of_exports(words: Path) -> set[str]:
    with words.open(encoding="utf-8-sig", newline="") as handle:
        return {row["meaning"] for row in csv.DictReader(handle) if row.get("field") == "touchpoint_type"}
