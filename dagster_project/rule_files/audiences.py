"""Audiences as business people write them: the lines of audiences.csv.

Here: what a line has to say, and what it means on a day. A line with a mistake is refused with its reason, the others
run. Not here: the language of conditions (`conditions`), whom a line reaches (the models of audiences).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path

from dagster_project import customer_features
from dagster_project.conditions import ConditionError, Function, parse
from dagster_project.rule_files.contacts import ANY, CONSENT_CHANNELS, WORD, PolicyLine
from dagster_project.rule_files.rows import rows
from dagster_project.warehouse import literal

COLUMNS = (
    *("audience", "channel", "purpose", "condition", "message_key", "valid_from", "valid_until", "holdout_share"),
)
FILE = "audiences.csv"
# What the model of members puts beside a row of features.
_BESIDE = {"is_birthday_month": "boolean"}
_PLACEHOLDERS = {"{year}": "%Y", "{month}": "%Y-%m"}
_KEY = r"[a-z0-9](?:[a-z0-9_.-]|\{year\}|\{month\}){0,79}"


class RefusedLine(Exception):
    """A line that does not run; the text says what is wrong and what would be right."""


def audience_condition(tags: Collection[str]) -> Callable[[str], str]:
    """What makes SQL of a condition over `marts.customer_features`, or raises `RefusedLine`.

    `tags`: those that `has_tag` may ask for. Beside the features stand `is_birthday_month`, and the person's tags.
    """

    def has_tag(tag: str) -> str:
        if tag not in tags:
            near = get_close_matches(tag, tags, n=3)
            raise ConditionError(
                f"tag_rules.csv gives no tag {tag} tonight." + (f" Is it {' or '.join(near)}?" if near else "")
            )
        return f"coalesce(list_contains(tags, {literal(tag)}), false)"

    functions = {**customer_features.FUNCTIONS, "has_tag": Function("boolean", has_tag, {"tags": "varchar[]"})}

    def to_sql(text: str) -> str:
        try:
            return parse(
                text, {**customer_features.COLUMNS, **_BESIDE}, virtual=customer_features.VIRTUAL, functions=functions
            ).sql
        except ConditionError as problem:
            raise RefusedLine(f"condition: {problem}") from problem

    return to_sql


def check_audiences(file: Path) -> None:
    """Raise `ConfigurationError` for a file that has no lines to read; a wrong line is refused by the run, alone."""
    audiences(file, [], lambda _: "", date.min)


@dataclass(frozen=True)
class Audience:
    """A line of audiences.csv as it is meant tonight; one with an `error` has nothing else that counts.

    `condition_sql`: true for who belongs. `message_key`: with the day's year and month in it. `policy_purpose`: the
    purpose under which contact_policy.csv has it. `is_due`: whether the line is valid on the day.
    """

    line: int
    audience: str
    channel: str
    consent_channel: str
    purpose: str
    policy_purpose: str
    condition: str
    condition_sql: str
    message_key: str
    valid_from: date | None
    valid_until: date | None
    is_due: bool
    holdout_share: Decimal
    error: str | None = None


def audiences(file: Path, policy: Sequence[PolicyLine], condition: Callable[[str], str], today: date) -> list[Audience]:
    """All lines, refused ones with their reason; `condition` gives a condition's SQL or raises `RefusedLine`.

    Raises `ConfigurationError` for another header or encoding.
    """
    found: list[Audience] = []
    named: dict[str, int] = {}
    for line, row in rows(file, list(COLUMNS)):
        cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
        try:
            if None in row or None in row.values():
                raise RefusedLine(f"a line has {len(COLUMNS)} cells, {', '.join(COLUMNS)}.")
            fresh = _audience(line, cells, policy, condition, today)
            if fresh.audience in named:
                raise RefusedLine(f"{fresh.audience} stands in line {named[fresh.audience]} already.")
            named[fresh.audience] = line
        except RefusedLine as problem:
            fresh = _refused(line, cells, str(problem))
        found.append(fresh)
    return found


def _audience(
    line: int, cells: dict[str, str], policy: Sequence[PolicyLine], condition: Callable[[str], str], today: date
) -> Audience:
    name, channel, purpose, key = (cells[column] for column in ("audience", "channel", "purpose", "message_key"))
    if not re.fullmatch(WORD, name):
        raise RefusedLine(f"the audience is {name!r}; write a word in lower case such as second_order.")
    if channel not in CONSENT_CHANNELS:
        raise RefusedLine(f"the channel is {channel!r}; it has to be one of {', '.join(CONSENT_CHANNELS)}.")
    if not re.fullmatch(WORD, purpose):
        raise RefusedLine(f"the purpose is {purpose!r}; write a word in lower case such as marketing.")
    listed = {line.purpose for line in policy if line.channel == channel}
    if not listed & {purpose, ANY}:
        raise RefusedLine(
            f"contact_policy.csv has no line for {channel} and {purpose}; without one nobody gets anything."
        )
    if not re.fullmatch(_KEY, key):
        raise RefusedLine(
            f"the message key is {key!r}; write lower-case letters, digits, and _ . - between them; {{year}} and "
            "{month} stand for tonight's."
        )
    valid_from, valid_until = (_day(column, cells[column]) for column in ("valid_from", "valid_until"))
    if valid_from and valid_until and valid_until < valid_from:
        raise RefusedLine(f"it is valid until {valid_until} and from {valid_from} only.")
    return Audience(
        line, name, channel, CONSENT_CHANNELS[channel], purpose, purpose if purpose in listed else ANY,
        cells["condition"], condition(cells["condition"]), _with_date(key, today), valid_from, valid_until,
        (valid_from is None or valid_from <= today) and (valid_until is None or today <= valid_until),
        _share(cells["holdout_share"]),
    )  # fmt: skip


def _refused(line: int, cells: dict[str, str], error: str) -> Audience:
    return Audience(
        line, cells["audience"], cells["channel"], "", cells["purpose"], "", cells["condition"], "",
        cells["message_key"], None, None, False, Decimal(0), error,
    )  # fmt: skip


def _day(column: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as problem:
        raise RefusedLine(f"{column} is {text!r}; write a date such as 2026-01-31, or nothing.") from problem


def _share(text: str) -> Decimal:
    if not re.fullmatch(r"0|0?\.[0-9]{1,4}", text):
        raise RefusedLine(f"holdout_share is {text!r}; write a share from 0 to 0.9999 such as 0.1; 0 holds nobody out.")
    return Decimal(text)


def _with_date(key: str, today: date) -> str:
    for placeholder, form in _PLACEHOLDERS.items():
        key = key.replace(placeholder, today.strftime(form))
    return key
