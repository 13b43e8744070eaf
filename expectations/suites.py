"""Suites as data: reading `suites/*.yml`, checking their shape, and filling in what is known only at run time.

Here belongs everything about a suite that needs no database and no Great Expectations. What is expected of a table
belongs to the YAML files, how it is checked to the runner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, cast

import yaml

from expectations.results import SEVERITIES, Severity

FOLDER = Path(__file__).parent / "suites"

_SUITE_KEYS = {"schema", "position", "handful", "every_table", "tables"}
_TABLE_KEYS = {"position", "columns", "expectations"}
_ENTRY_KEYS = {"expect", "columns", "kwargs", "when", "tolerate", "severity", "why"}
_PARAMETER_KEYS = {"parameter", "default", "times", "at_least", "at_most", "plus_days"}
_SQL_ARGUMENTS = ("condition", "query", "unexpected_rows_query")


class SuiteError(Exception):
    """A suite that cannot be used: the message names file, entry and what to do."""


class MissingParameter(Exception):
    """A value that a suite asks for and the caller did not give."""


@dataclass(frozen=True)
class Entry:
    """One expectation of one table, before its parameters are filled in."""

    place: str
    """Where it is written, for messages: file and entry."""
    expect: str
    kwargs: Mapping[str, Any]
    severity: Severity
    why: str
    when: str | None = None
    tolerate: int = 0
    """So many bad values are passed over even where there are no good ones: for columns that few rows fill."""


@dataclass(frozen=True)
class TableSuite:
    """What is expected of one table."""

    position: str | None
    """The column that names a failing row to people: never a personal one."""
    columns: tuple[str, ...]
    """Columns that SQL in the entries reads, beside the entries' own `column`."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Suite:
    """One file: what is expected of the tables of one schema."""

    name: str
    schema: str
    handful: int
    """So many bad rows are left to the quarantine of staging, whatever share of a small load they are."""
    every_table: tuple[Entry, ...]
    tables: Mapping[str, TableSuite] = field(default_factory=dict)

    def table(self, name: str) -> TableSuite:
        """The table's own suite, or an empty one: a table nobody wrote expectations for still gets `every_table`'s."""
        return self.tables.get(name, TableSuite(position=None, columns=(), entries=()))


def suite_names(folder: Path = FOLDER) -> list[str]:
    """The shipped suites, by name."""
    return sorted(path.stem for path in folder.glob("*.yml"))


def load_suite(name: str, folder: Path = FOLDER) -> Suite:
    """Read and check one suite; a file that has not changed is read once. Raises SuiteError."""
    path = folder / f"{name}.yml"
    if not path.is_file():
        raise SuiteError(
            f"There is no suite {name!r}: {path} does not exist. Write one, with at least `schema` and `every_table`; "
            f"the suites at hand are {', '.join(suite_names(folder)) or 'none'}."
        )
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, _changed_at: int) -> Suite:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SuiteError(f"{path} is not valid YAML: {error}. Mend the file.") from error
    document = _mapping(document, str(path), _SUITE_KEYS, required=("schema",))
    handful = document.get("handful", 0)
    if not isinstance(handful, int) or handful < 0:
        raise SuiteError(f"{path}: `handful` is {handful!r}. Write a number of rows, 0 or more.")
    tables: dict[str, TableSuite] = {}
    for table, body in (document.get("tables") or {}).items():
        place = f"{path}, table {table}"
        body = _mapping(body, place, _TABLE_KEYS, required=("expectations",))
        tables[table] = TableSuite(
            position=body.get("position", document.get("position")),
            columns=tuple(body.get("columns", ())),
            entries=_entries(body["expectations"], place),
        )
    return Suite(
        name=path.stem,
        schema=str(document["schema"]),
        handful=handful,
        every_table=_entries(document.get("every_table") or [], f"{path}, every_table"),
        tables=tables,
    )


def fill_in(entry: Entry, table: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The entry's arguments with every parameter replaced by its value. Raises MissingParameter."""
    filled = {name: _value(value, table, parameters) for name, value in entry.kwargs.items()}
    for name in _SQL_ARGUMENTS:
        if name in filled:
            filled[name] = _sql(str(filled[name]), table, parameters)
    return filled


def applies(entry: Entry, table: str, parameters: Mapping[str, Any]) -> bool:
    """False for an entry whose `when` names a parameter that this run has no value of (a first night, for example)."""
    return entry.when is None or _lookup(entry.when, table, parameters) is not None


def lenient(mostly: float, count: int, handful: int, tolerate: int = 0) -> float:
    """The share of `count` values that has to be good so that a handful of bad ones never decides.

    As many may be bad as `mostly` allows, or `handful`, whichever is more; the latter at most half of all, rounded up:
    a load of one row is no reason to hold a source back, since staging quarantines that row.
    """
    if count == 0:
        return mostly
    allowed = max(math.floor((1 - mostly) * count + 1e-9), min(handful, (count + 1) // 2), tolerate)
    # Half a row of slack, so that the comparison of shares is one of whole rows.
    return max(0.0, 1 - (allowed + 0.5) / count)


def plain(value: Any) -> Any:
    """A JSON-able form of a parameter: times in UTC, as ISO text."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value


def _entries(raw: Any, place: str) -> tuple[Entry, ...]:
    if not isinstance(raw, list):
        raise SuiteError(f"{place}: expectations are a list; found {type(raw).__name__}.")
    found: list[Entry] = []
    for number, item in enumerate(raw, start=1):
        label = item.get("expect", "?") if isinstance(item, dict) else "?"
        here = f"{place}, entry {number} ({label})"
        item = _mapping(item, here, _ENTRY_KEYS, required=("expect", "severity", "why"))
        if item["severity"] not in SEVERITIES:
            raise SuiteError(f"{here}: severity {item['severity']!r} is none of {', '.join(SEVERITIES)}.")
        if not isinstance(item["why"], str) or not item["why"].strip():
            raise SuiteError(f"{here}: `why` is empty. Say in one sentence what this expectation protects.")
        kwargs = item.get("kwargs") or {}
        if not isinstance(kwargs, dict):
            raise SuiteError(f"{here}: `kwargs` is no mapping of argument to value.")
        for value in kwargs.values():
            if isinstance(value, dict) and not ("parameter" in value and set(value) <= _PARAMETER_KEYS):
                raise SuiteError(
                    f"{here}: a mapping as a value stands for a parameter and has `parameter` and, at will, "
                    f"{', '.join(sorted(_PARAMETER_KEYS - {'parameter'}))}; found {sorted(value)}."
                )
        for column in item.get("columns") or [None]:
            found.append(
                Entry(
                    place=here,
                    expect=str(item["expect"]),
                    kwargs=kwargs if column is None else {"column": column, **kwargs},
                    severity=cast(Severity, item["severity"]),
                    why=" ".join(item["why"].split()),
                    when=item.get("when"),
                    tolerate=int(item.get("tolerate", 0)),
                )
            )
    return tuple(found)


def _mapping(raw: Any, place: str, known: set[str], required: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise SuiteError(f"{place}: expected a mapping, found {type(raw).__name__}.")
    if unknown := sorted(set(map(str, raw)) - known):
        raise SuiteError(f"{place}: unknown key {', '.join(unknown)}. Known are {', '.join(sorted(known))}.")
    if missing := [key for key in required if raw.get(key) is None]:
        raise SuiteError(f"{place}: `{'`, `'.join(missing)}` is missing. Add it.")
    return raw


def _lookup(name: str, table: str, parameters: Mapping[str, Any]) -> Any:
    value = parameters.get(name)
    return value.get(table) if isinstance(value, Mapping) else value


def _value(value: Any, table: str, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_value(item, table, parameters) for item in value]
    if not isinstance(value, dict):
        return value
    found = _lookup(value["parameter"], table, parameters)
    if found is None:
        found = value.get("default")
    if found is None:
        raise MissingParameter(f"the parameter {value['parameter']!r} has no value for {table}")
    if "times" in value:
        found = math.floor(found * value["times"]) if isinstance(found, int) else found * value["times"]
    if "at_least" in value:
        found = max(found, value["at_least"])
    if "at_most" in value:
        found = min(found, value["at_most"])
    if "plus_days" in value:
        if isinstance(found, str):
            found = datetime.fromisoformat(found)
        found = found + timedelta(days=value["plus_days"])
    return plain(found)


def _sql(text: str, table: str, parameters: Mapping[str, Any]) -> str:
    template = Template(text)
    literals: dict[str, str] = {}
    for name in template.get_identifiers():
        value = plain(_lookup(name, table, parameters))
        if value is None:
            raise MissingParameter(f"the parameter {name!r} has no value for {table}")
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        literals[name] = str(value) if is_number else "'" + str(value).replace("'", "''") + "'"
    return template.substitute(literals) if literals else text
