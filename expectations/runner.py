"""The runner: holds a suite against the files of a load or the tables of a warehouse, and says what it found.

Here belong the order of a check, what counts as rows expected, and the rule that whatever could not be evaluated has
failed. Suites belong to suites.py, connections to dialect.py, Great Expectations' own machinery to engine.py.
Calls are serialised by a lock: Great Expectations keeps its context, its registries and its loggers per process.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy

from expectations import dialect, suites
from expectations.engine import Planned, Session, redacted
from expectations.results import Result, Severity
from expectations.suites import Entry, MissingParameter, Suite

_lock = threading.RLock()


def check_load(
    files: Mapping[str, Sequence[Path]],
    suite: str,
    parameters: Mapping[str, Any],
    *,
    load_id: str | None = None,
    settings: Mapping[str, Any] | None = None,
    folder: Path = suites.FOLDER,
) -> list[Result]:
    """Hold a raw suite against the Parquet files of one load, table by table.

    `parameters` needs `as_of` (a datetime or ISO text) and takes `rows`, table to the number of rows that the ledger
    says were landed; a table absent from `rows` is expected to have at least one row, a table with 0 may be empty or
    without files. `seen_before` gives for tables how many of their records landed before and should have come again.
    Suites may use `share_of_load`, which is made from it. `settings` are DuckDB's (memory_limit,
    threads, temp_directory). Raises suites.SuiteError.
    """
    loaded = suites.load_suite(suite, folder)
    rows: Mapping[str, int] = parameters.get("rows") or {}
    if total := sum(rows.values()):
        parameters = {**parameters, "share_of_load": {table: count / total for table, count in rows.items()}}
    tables = sorted(set(files) | {table for table, count in rows.items() if count})
    found: list[Result] = []
    with _lock, Session(dialect.memory_url("omnihouse_load", settings)) as session:
        session.execute(f"create schema {_identifier(loaded.schema)}")
        for table in tables:
            check = _TableCheck(session, loaded, table, parameters, rows.get(table), load_id)
            paths = list(files.get(table, ()))
            nothing = not paths and rows.get(table) == 0
            if nothing and table not in (parameters.get("seen_before") or {}):
                continue
            try:
                if not paths and not nothing:
                    raise FileNotFoundError("the ledger names rows and no file")
                session.execute(_view(loaded, table, paths))
            except (sqlalchemy.exc.DBAPIError, OSError) as error:
                found.append(check.unreadable(redacted(error)))
                continue
            found.extend(check.run())
    return found


def check_marts(
    warehouse: Path,
    parameters: Mapping[str, Any],
    *,
    suite: str = "marts",
    settings: Mapping[str, Any] | None = None,
    folder: Path = suites.FOLDER,
) -> list[Result]:
    """Hold the marts' suite against a warehouse file, opened for reading only and closed again.

    `parameters` needs `as_of` and takes `source_rows` (table to a count above 0 where its sources have staged rows; a
    table that is not named is expected to have rows), `previous_rows` (table to the count of the last publication) and
    whatever else the suite names. Raises suites.SuiteError, and FileNotFoundError when there is no such file.
    """
    if not warehouse.is_file():
        raise FileNotFoundError(f"There is no warehouse at {warehouse}. Build it first.")
    loaded = suites.load_suite(suite, folder)
    source_rows: Mapping[str, int] = parameters.get("source_rows") or {}
    found: list[Result] = []
    with _lock, Session(dialect.file_url(warehouse, settings)) as session:
        for table in loaded.tables:
            found.extend(_TableCheck(session, loaded, table, parameters, source_rows.get(table), None).run())
    return found


def verify_suites(folder: Path = suites.FOLDER) -> None:
    """Check every suite of a folder down to the arguments of each expectation. Raises suites.SuiteError."""
    sample = _SampleParameters()
    with _lock:
        for name in suites.suite_names(folder):
            suite = suites.load_suite(name, folder)
            for table, body in suite.tables.items():
                for entry in (*suite.every_table, *body.entries):
                    Session.build(entry, suites.fill_in(entry, table, sample))


class _SampleParameters(dict[str, Any]):
    """Stands for a run in which every parameter has a value of a plausible type."""

    def get(self, name: str, default: Any = None) -> Any:
        return datetime.fromisoformat("2026-01-01T00:00:00+00:00") if name.startswith("as_of") else 1


class _TableCheck:
    """One table's part of a check."""

    def __init__(
        self,
        session: Session,
        suite: Suite,
        table: str,
        parameters: Mapping[str, Any],
        rows: int | None,
        load_id: str | None,
    ) -> None:
        self.session, self.suite, self.table, self.parameters = session, suite, table, parameters
        self.body, self.load_id = suite.table(table), load_id
        # Where nobody says how many, an empty table is a fault: silence must not pass.
        self.rows_expected = rows is None or rows > 0

    def run(self) -> list[Result]:
        try:
            counts = self.session.counts(self.suite.schema, self.table)
        except sqlalchemy.exc.DBAPIError as error:
            return [self.unreadable(redacted(error))]
        entries = [
            entry
            for entry in (*self.suite.every_table, *self.body.entries)
            if suites.applies(entry, self.table, self.parameters)
        ]
        if counts.rows:
            return self._evaluate(entries, counts.filled, counts.rows)
        if not self.rows_expected:
            return self._evaluate([entry for entry in entries if entry in self.suite.every_table], counts.filled, 0)
        nothing = "the table has no row to look at, and rows were expected"
        return [
            self._result("table_has_rows", {}, "block", "An empty table where rows were delivered is a loss.", nothing),
            *(self._result(entry.expect, entry.kwargs, entry.severity, entry.why, nothing) for entry in entries),
        ]

    def unreadable(self, error: str) -> Result:
        why = "What cannot be read cannot be checked, and must not be built upon."
        return self._result("table_can_be_read", {}, "block", why, error)

    def _evaluate(self, entries: list[Entry], filled: Mapping[str, int], rows: int) -> list[Result]:
        found: list[Result] = []
        planned: list[Planned] = []
        for entry in entries:
            try:
                kwargs = suites.fill_in(entry, self.table, self.parameters)
            except MissingParameter as missing:
                found.append(self._result(entry.expect, entry.kwargs, entry.severity, entry.why, str(missing)))
                continue
            if "mostly" in kwargs:
                is_null_check = entry.expect == "ExpectColumnValuesToNotBeNull"
                considered = rows if is_null_check else filled.get(str(kwargs.get("column")), rows)
                kwargs["mostly"] = suites.lenient(kwargs["mostly"], considered, self.suite.handful, entry.tolerate)
            planned.append(self.session.build(entry, kwargs))
        outcomes = self.session.validate(self.suite.schema, self.table, planned, self.body.position)
        for plan, outcome in zip(planned, outcomes, strict=True):
            error = outcome.error
            if error is None and rows == 0 and self.rows_expected:
                error = "no row was looked at, and rows were expected"
            found.append(
                Result(
                    suite=self.suite.name,
                    table_schema=self.suite.schema,
                    table_name=self.table,
                    expectation=plan.short_name,
                    column=plan.column,
                    severity=plan.entry.severity,
                    success=outcome.success and error is None,
                    observed=outcome.observed,
                    expected=plan.kwargs,
                    unexpected_count=outcome.unexpected_count,
                    element_count=rows if outcome.element_count is None else outcome.element_count,
                    why=plan.entry.why,
                    error=error,
                    load_id=self.load_id,
                    failing_rows=outcome.failing_rows,
                )
            )
        return found

    def _result(self, expectation: str, kwargs: Mapping[str, Any], severity: Severity, why: str, error: str) -> Result:
        return Result(
            suite=self.suite.name,
            table_schema=self.suite.schema,
            table_name=self.table,
            expectation=self.session.short_name(expectation),
            column=kwargs.get("column"),
            severity=severity,
            success=False,
            observed=None,
            expected=dict(kwargs),
            unexpected_count=None,
            element_count=None,
            why=why,
            error=error,
            load_id=self.load_id,
        )


def _view(suite: Suite, table: str, paths: Sequence[Path]) -> str:
    """A view over the load's files; a column that the suite asks for and no file has is NULL in every row."""
    body = suite.table(table)
    asked = dict.fromkeys(body.columns)
    for entry in body.entries:
        asked.update(dict.fromkeys(name for name in (entry.kwargs.get("column"),) if name))
        asked.update(dict.fromkeys(entry.kwargs.get("columns") or ()))
    stub = ", ".join(f"cast(null as varchar) as {_identifier(name)}" for name in asked) or "null as _absent"
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    rows = f"select * from read_parquet([{listed}], union_by_name = true) union all by name " if paths else ""
    return f"create view {_identifier(suite.schema)}.{_identifier(table)} as {rows}select {stub} where false"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
