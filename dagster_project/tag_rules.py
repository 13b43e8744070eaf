"""The rules by which people get tags: tag_rules.csv, each line read for itself.

A line that cannot be used is set aside with its reason, and the others count. Here: what a line has to be, and which
place in a set of tags it has. Not here: the language of conditions, and how the tags are given.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from dagster_project import customer_features
from dagster_project.conditions import ConditionError
from dagster_project.config import ConfigurationError

FILE = "tag_rules.csv"
HEADER = ("tag", "category", "condition", "value", "valid_from", "valid_until", "description")
CATEGORIES = ("basic", "behaviour", "value_and_lifecycle", "service", "risk")
# Two numbers of 63 bits hold somebody's tags.
BITS = 63
PLACES = 2 * BITS
_DATES = ("valid_from", "valid_until")


@dataclass(frozen=True)
class TagRule:
    """A line that can be used. `place`: the bit that is the tag's for ever; `is_new`: it had none before tonight."""

    tag: str
    category: str
    condition: str
    value: str
    valid_from: date | None
    valid_until: date | None
    description: str
    condition_sql: str
    value_sql: str | None
    place: int
    is_new: bool

    def holds_on(self, day: date) -> bool:
        """Whether the rule counts on this day; both ends of its time do."""
        return (self.valid_from or day) <= day <= (self.valid_until or day)


@dataclass(frozen=True)
class RefusedRule:
    """A line that is not used, and why."""

    line: int
    rule: str
    reason: str


def check_tag_rules(file: Path) -> None:
    """Raise `ConfigurationError` for a file without the header; what its lines say is judged line by line."""
    for _ in _lines(file):
        pass


def read(file: Path, places: Mapping[str, int]) -> tuple[list[TagRule], list[RefusedRule]]:
    """The rules of a file and its refused lines. `places`: those that tags of earlier publications have.

    Raises `ConfigurationError` for another header or encoding.
    """
    taken = dict(places)
    rules: dict[str, tuple[int, TagRule]] = {}
    refused = []
    for line, cells in _lines(file):
        tag = cells[0].strip() if cells else ""
        try:
            if tag in rules:
                raise ConditionError(f"line {rules[tag][0]} gives this tag already; a tag has one line.")
            rule = _rule(cells, taken)
        except ConditionError as problem:
            refused.append(RefusedRule(line, tag, str(problem)))
            continue
        taken[tag] = rule.place
        rules[tag] = (line, rule)
    return [rule for _, rule in rules.values()], refused


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle)
            if tuple(next(reader, ())) != HEADER:
                raise ConfigurationError(f"{file}, line 1: the header has to be {','.join(HEADER)}.")
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
    except (UnicodeDecodeError, csv.Error) as problem:
        raise ConfigurationError(f"{file} is not CSV in UTF-8 ({problem}); save it as UTF-8.") from problem


def _rule(cells: list[str], taken: Mapping[str, int]) -> TagRule:
    if len(cells) != len(HEADER):
        raise ConditionError(
            f"the line has {len(cells)} cells and not {len(HEADER)}; a text with a comma in it stands between quotes."
        )
    told = dict(zip(HEADER, (cell.strip() for cell in cells), strict=True))
    if not re.fullmatch(r"\w[\w .:/+-]{0,59}", told["tag"]):
        raise ConditionError("the tag has to be a name of at most 60 letters, digits, spaces and _ . : / + -")
    if told["category"] not in CATEGORIES:
        raise ConditionError(f"the category is {told['category']!r}; it has to be one of {', '.join(CATEGORIES)}.")
    days = {name: _day(name, told[name]) for name in _DATES}
    if days["valid_from"] and days["valid_until"] and days["valid_from"] > days["valid_until"]:
        raise ConditionError("it ends before it begins: valid_until is before valid_from.")
    condition = _read("condition", told["condition"])
    value = _read("value", told["value"]) if told["value"] else None
    place = taken.get(told["tag"], max(taken.values(), default=-1) + 1)
    if place >= PLACES:
        raise ConditionError(f"this home has had {PLACES} tags, which is the most; change the rule of one it has.")
    return TagRule(
        tag=told["tag"],
        category=told["category"],
        condition=told["condition"],
        value=told["value"],
        valid_from=days["valid_from"],
        valid_until=days["valid_until"],
        description=told["description"],
        condition_sql=condition,
        value_sql=value,
        place=place,
        is_new=told["tag"] not in taken,
    )


@lru_cache(maxsize=1024)
def _read(name: str, text: str) -> str:
    try:
        return (customer_features.condition if name == "condition" else customer_features.value)(text).sql
    except ConditionError as problem:
        raise ConditionError(f"{name}: {problem}") from problem


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as problem:
        raise ConditionError(f"{name} is {text!r}; write a day as 2026-01-31, or nothing.") from problem
