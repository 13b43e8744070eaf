"""The rule files as data: what they must look like, and the refusal of a wrong one.

Here: reading and checking `identity_rules.csv`, `identity_blocked_values.csv` and `identity_overrides.csv`, every fault
with its line. Not here: applying the rules to values (`values`, `people`), matching blocked values (`blocked`), obeying
overrides (`overrides`).

`identity_rules.csv` has one line an identifier type: `type`, `priority` (1 links first), `anonymous` (y or n),
`max_records_per_value`, `max_people_per_value`, `max_values_per_person` (each a whole number from 1, or empty for no
limit), `recycle_days` (empty: 90), `needs_agreement` (y or n).

`identity_blocked_values.csv` has one line a value that links nobody: `type` (or `*` for every type), `value`,
`is_pattern` (y: an RE2 regular expression that has to match the whole value), `reason`.

`identity_overrides.csv` has one line a decision of a person: `decided_at` (a date, or a date and time; without a zone
it is UTC), `action` (`must-link`, `cannot-link` or `drop-value`), `record_key`, `other_record_key` (of the two links),
`type` and `value_hash` (of `drop-value`, as the links show it), `decided_by`, `reason`. Of two that contradict, the
newer holds; of two of one time, the later line.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

RULE_COLUMNS = (
    *("type", "priority", "anonymous", "max_records_per_value", "max_people_per_value", "max_values_per_person"),
    *("recycle_days", "needs_agreement"),
)
BLOCKED_COLUMNS = ("type", "value", "is_pattern", "reason")
OVERRIDE_COLUMNS = (
    *("decided_at", "action", "record_key", "other_record_key", "type", "value_hash", "decided_by", "reason"),
)
MUST_LINK, CANNOT_LINK, DROP_VALUE = "must-link", "cannot-link", "drop-value"
DEFAULT_RECYCLE_DAYS = 90

# People type these themselves, so a second value may be a typo and is no second person.
TYPED_IDENTIFIERS = ("phone", "email", "national_id")

_FLAGS = {"y": True, "n": False, "yes": True, "no": False, "true": True, "false": False}


class RuleError(ValueError):
    """A rule file is wrong. The message names the file, each line and what to change."""


@dataclass(frozen=True)
class Rule:
    """One identifier type's line; `None` stands for no limit."""

    type: str
    priority: int
    anonymous: bool = False
    max_records_per_value: int | None = None
    max_people_per_value: int | None = None
    max_values_per_person: int | None = None
    recycle_days: int = DEFAULT_RECYCLE_DAYS
    needs_agreement: bool = False


@dataclass(frozen=True)
class BlockedValue:
    """One line of the blocked list, with the line it stands on."""

    type: str
    value: str
    is_pattern: bool
    reason: str
    line: int


@dataclass(frozen=True)
class Override:
    """One decision of a person, with the line it stands on."""

    decided_at: datetime
    action: str
    record_key: str
    other_record_key: str
    type: str
    value_hash: str
    line: int


def read_rule_file(path: str | Path) -> pa.Table:
    """A rule file as a table of text, with the line number of each row as `_line`."""
    path = Path(path)
    if not path.is_file():
        raise RuleError(f"{path}: there is no such rule file. Give the path of a CSV file with a header.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except UnicodeDecodeError as error:
        raise RuleError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    except csv.Error as error:
        raise RuleError(f"{path}, line {reader.line_num}: {error}. Mend that line.") from error
    if not header:
        raise RuleError(f"{path} is empty; it needs at least its header.")
    if len(set(header)) != len(header):
        raise RuleError(f"{path}, line 1: two columns of the header have the same name. Keep one of them.")
    wrong = [line for line, row in rows if len(row) != len(header)]
    if wrong:
        raise RuleError(
            f"{path}, line {wrong[0]}: the header has {len(header)} columns and this line has another number."
        )
    columns: dict[str, Any] = {name: [row[i] for _, row in rows] for i, name in enumerate(header)}
    columns["_line"] = [line for line, _ in rows]
    return pa.table({k: pa.array(v, pa.int64() if k == "_line" else pa.string()) for k, v in columns.items()})


def parse_rules(table: pa.Table, name: str = "identity_rules.csv") -> dict[str, Rule]:
    """The rules by type, or `RuleError` with every fault. Rows of a plain table count as lines from 2 on."""
    lines = _lines(table, RULE_COLUMNS, name)
    rules: dict[str, Rule] = {}
    faults: list[str] = []
    for line, cells in lines:
        row = _Row(cells, faults, f"{name}, line {line}")
        kind = row.text("type")
        if not kind:
            row.fault("type is empty; name the identifier type")
        elif kind in rules:
            row.fault(f"type {kind!r} has a rule already; keep one line a type")
        rule = Rule(
            type=kind,
            priority=row.number("priority", least=1, required=True) or 1,
            anonymous=row.flag("anonymous"),
            max_records_per_value=row.number("max_records_per_value", least=1),
            max_people_per_value=row.number("max_people_per_value", least=1),
            max_values_per_person=row.number("max_values_per_person", least=1),
            recycle_days=_or(row.number("recycle_days", least=0), DEFAULT_RECYCLE_DAYS),
            needs_agreement=row.flag("needs_agreement"),
        )
        if rule.max_values_per_person is not None and kind in TYPED_IDENTIFIERS:
            row.fault(
                f"max_values_per_person is not for {kind!r}: people type it, and a typo is no second person; empty it"
            )
        if rule.max_values_per_person is not None and rule.anonymous:
            row.fault(f"max_values_per_person is not for the anonymous type {kind!r}; empty it")
        rules.setdefault(kind, rule)
    if not lines:
        faults.append(f"{name}: no rules; every identifier type in the data needs a line")
    _refuse(faults)
    return rules


def parse_blocked(table: pa.Table, name: str = "identity_blocked_values.csv") -> list[BlockedValue]:
    """The blocked list in its order, or `RuleError` with every fault."""
    blocked: list[BlockedValue] = []
    faults: list[str] = []
    for line, cells in _lines(table, BLOCKED_COLUMNS, name):
        row = _Row(cells, faults, f"{name}, line {line}")
        entry = BlockedValue(row.text("type"), row.text("value"), row.flag("is_pattern"), row.text("reason"), line)
        for column in ("type", "value", "reason"):
            if not getattr(entry, column):
                row.fault(f"{column} is empty")
        if entry.is_pattern:
            try:
                pc.match_substring_regex(pa.array([""]), pattern=f"^(?:{entry.value})$")
            except pa.ArrowInvalid as error:
                row.fault(f"{entry.value!r} is no regular expression in RE2's syntax ({error})")
        blocked.append(entry)
    _refuse(faults)
    return blocked


def parse_overrides(table: pa.Table, name: str = "identity_overrides.csv") -> list[Override]:
    """The decisions, newest first, or `RuleError` with every fault."""
    overrides: list[Override] = []
    faults: list[str] = []
    for line, cells in _lines(table, OVERRIDE_COLUMNS, name):
        row = _Row(cells, faults, f"{name}, line {line}")
        action = row.text("action")
        if action not in (MUST_LINK, CANNOT_LINK, DROP_VALUE):
            row.fault(f"action is {action!r}; write {MUST_LINK}, {CANNOT_LINK} or {DROP_VALUE}")
        links = action != DROP_VALUE
        for column in ("record_key", "decided_by", "reason", *(("other_record_key",) if links else ("type",))):
            if not row.text(column):
                row.fault(f"{column} is empty")
        for column in ("type", "value_hash") if links else ("other_record_key",):
            if row.text(column):
                row.fault(f"{column} is not for {action}; empty it")
        key, other = row.text("record_key"), row.text("other_record_key")
        if links and key and key == other:
            row.fault(f"{action} names {key!r} twice; name two records")
        value_hash = row.text("value_hash").lower()
        if not links and (len(value_hash) != 32 or set(value_hash) - set("0123456789abcdef")):
            row.fault(f"value_hash is {value_hash!r}; write the 32 hexadecimal digits that the link shows")
        overrides.append(Override(row.time("decided_at"), action, key, other, row.text("type"), value_hash, line))
    _refuse(faults)
    return sorted(overrides, key=lambda entry: (entry.decided_at, entry.line), reverse=True)


def check_rules(
    rules: pa.Table | str | Path,
    blocked: pa.Table | str | Path | None = None,
    overrides: pa.Table | str | Path | None = None,
) -> None:
    """Refuse wrong rules: `RuleError` names each file, line and reason. Tables or paths of CSV files."""
    faults: list[str] = []
    for source, parse in ((rules, parse_rules), (blocked, parse_blocked), (overrides, parse_overrides)):
        if source is None:
            continue
        try:
            if isinstance(source, pa.Table):
                parse(source)
            else:
                parse(read_rule_file(source), str(source))
        except RuleError as error:
            faults.append(str(error))
    _refuse(faults)


def _lines(table: pa.Table, columns: tuple[str, ...], name: str) -> list[tuple[int, dict[str, Any]]]:
    missing = [c for c in columns if c not in table.column_names]
    unknown = [c for c in table.column_names if c not in columns and c != "_line"]
    if missing or unknown:
        parts = [f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"] if missing else []
        parts += [f"has the unknown column{'s' * (len(unknown) > 1)} {', '.join(unknown)}"] if unknown else []
        raise RuleError(f"{name}, line 1: the file {' and '.join(parts)}. Its columns are {', '.join(columns)}.")
    rows = table.to_pylist()
    return [(row.get("_line") or index + 2, row) for index, row in enumerate(rows)]


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _refuse(faults: list[str]) -> None:
    if faults:
        raise RuleError("\n".join(faults))


class _Row:
    """One line's cells, as text or typed, and where to put its faults."""

    def __init__(self, cells: dict[str, Any], faults: list[str], place: str) -> None:
        self._cells, self._faults, self._place = cells, faults, place

    def fault(self, message: str) -> None:
        self._faults.append(f"{self._place}: {message}.")

    def text(self, column: str) -> str:
        value = self._cells[column]
        return "" if value is None else str(value).strip()

    def flag(self, column: str) -> bool:
        value = _FLAGS.get(self.text(column).lower())
        if value is None:
            self.fault(f"{column} is {self.text(column)!r}; write y or n")
        return bool(value)

    def time(self, column: str) -> datetime:
        value = self._cells[column]
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if not isinstance(value, datetime):
            try:
                value = datetime.fromisoformat(self.text(column))
            except ValueError:
                self.fault(f"{column} is {self.text(column)!r}; write a date and time, like 2026-03-31 18:00")
                return datetime.min.replace(tzinfo=UTC)
        return value if value.tzinfo else value.replace(tzinfo=UTC)

    def number(self, column: str, least: int, required: bool = False) -> int | None:
        text = self.text(column).removesuffix(".0")
        if not text and not required:
            return None
        if not text.isascii() or not text.isdigit() or int(text) < least:
            self.fault(
                f"{column} is {text!r}; write a whole number from {least}" + ("" if required else ", or leave it empty")
            )
            return None
        return int(text)
