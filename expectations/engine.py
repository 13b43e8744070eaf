"""Great Expectations' machinery: its context, its data source on one DuckDB database, its results made plain.

Here belongs everything that touches Great Expectations while checking, and nothing that knows a suite's rules. The
package is imported on first use only, since it takes seconds and most processes never check anything.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any

import sqlalchemy
from sqlalchemy.engine.url import URL

from expectations import dialect
from expectations.suites import Entry, SuiteError, plain

# Counts, and no value of any row: with 0 the query for offending values is a LIMIT 0.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}
FAILING_ROWS = 5
_SPEAKS_OF_NAMES = re.compile(
    r"(Binder|Catalog|Parser|IO) Error: |Invalid Input Error: No magic bytes|Error: The column |"
    r"the (ledger|query|parameter) "
)
_numbers = count(1)


@dataclass(frozen=True)
class Planned:
    """An expectation ready to be evaluated."""

    entry: Entry
    kwargs: Mapping[str, Any]
    short_name: str
    expectation: Any

    @property
    def column(self) -> str | None:
        """The column it looks at, if it looks at one."""
        return self.kwargs.get("column")


@dataclass(frozen=True)
class Outcome:
    """What Great Expectations found, in plain values."""

    success: bool
    observed: Any = None
    unexpected_count: int | None = None
    element_count: int | None = None
    error: str | None = None
    failing_rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counts:
    """Rows of a table, and by column how many of them hold a value."""

    rows: int
    filled: Mapping[str, int]


class Session:
    """Great Expectations on one DuckDB database; a context manager that leaves nothing open."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._stack = ExitStack()

    def __enter__(self) -> Session:
        self._stack.enter_context(quiet())
        self._stack.enter_context(_counts_only())
        try:
            self._engine = self._stack.enter_context(dialect.opened(self._url))
            context = great_expectations_context()
            name = f"duckdb_{next(_numbers)}"
            # create_temp_table: a file opened for reading has no room for one, and no connection lasts long enough.
            self._source = context.data_sources.add_sql(
                name=name, connection_string=str(self._url), create_temp_table=False
            )
            self._stack.callback(context.data_sources.delete, name=name)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @staticmethod
    def short_name(expect: str) -> str:
        """Great Expectations' own snake-case name of a class."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", expect).lower()

    @staticmethod
    def build(entry: Entry, kwargs: Mapping[str, Any]) -> Planned:
        """Make the expectation. Raises SuiteError for a class or an argument that does not exist."""
        import great_expectations.expectations as shipped

        from expectations import duckdb_expectations as own

        great_expectations_context()
        found = getattr(own, entry.expect, None) or getattr(shipped, entry.expect, None)
        if not entry.expect.isidentifier() or found is None or not hasattr(found, "expectation_type"):
            raise SuiteError(
                f"{entry.place}: there is no expectation class {entry.expect!r}, neither in Great Expectations nor in "
                "expectations/duckdb_expectations.py. Correct the name."
            )
        try:
            expectation = found(**kwargs)
        except ValueError as error:
            said = " ".join(str(error).split())
            raise SuiteError(
                f"{entry.place}: {entry.expect} does not take these arguments: {said}. Correct `kwargs`."
            ) from error
        return Planned(entry, dict(kwargs), found.expectation_type, expectation)

    def execute(self, sql: str) -> list[Any]:
        """Run one statement and return its rows."""
        with self._engine.begin() as connection:
            found = connection.exec_driver_sql(sql)
            return list(found.fetchall()) if found.returns_rows else []

    def counts(self, schema: str, table: str) -> Counts:
        """Count a table's rows and values, in one scan."""
        described = self.execute(f'describe "{schema}"."{table}"')
        names = [str(row[0]) for row in described]
        counted = ", ".join(["count(*)", *(f'count("{name}")' for name in names)])
        (row,) = self.execute(f'select {counted} from "{schema}"."{table}"')
        return Counts(rows=row[0], filled=dict(zip(names, row[1:], strict=True)))

    def validate(self, schema: str, table: str, planned: Sequence[Planned], position: str | None) -> list[Outcome]:
        """Evaluate all at once; those that raise, once more and each alone, for one broken query fails its bundle."""
        if not planned:
            return []
        asset = self._source.add_table_asset(
            name=f"{schema}.{table}.{next(_numbers)}", table_name=table, schema_name=schema
        )
        try:
            batch = asset.add_batch_definition_whole_table("whole table").get_batch()
        except Exception as error:
            return [Outcome(success=False, error=redacted(error)) for _ in planned]
        outcomes = self._evaluate(batch, planned)
        if len(planned) > 1:
            outcomes = [
                self._evaluate(batch, [plan])[0] if outcome.error else outcome
                for plan, outcome in zip(planned, outcomes, strict=True)
            ]
        return [
            self._with_failing_rows(schema, table, plan, outcome, position)
            for plan, outcome in zip(planned, outcomes, strict=True)
        ]

    def _evaluate(self, batch: Any, planned: Sequence[Planned]) -> list[Outcome]:
        from great_expectations import ExpectationSuite

        for number, plan in enumerate(planned):
            plan.expectation.meta = {"number": number}
        suite = ExpectationSuite(name="suite", expectations=[plan.expectation for plan in planned])
        outcomes: dict[int, Outcome] = {}
        try:
            for result in batch.validate(suite, result_format=RESULT_FORMAT).results:
                outcomes[result.expectation_config.meta["number"]] = _outcome(result)
        except Exception as error:
            failed = Outcome(success=False, error=redacted(error))
            return [outcomes.get(number, failed) for number in range(len(planned))]
        absent = Outcome(success=False, error="Great Expectations gave no result for it")
        return [outcomes.get(number, absent) for number in range(len(planned))]

    def _with_failing_rows(
        self, schema: str, table: str, plan: Planned, outcome: Outcome, position: str | None
    ) -> Outcome:
        from expectations.duckdb_expectations import failing_rows_sql

        if outcome.success or outcome.error or position is None or not outcome.unexpected_count:
            return outcome
        condition = failing_rows_sql(type(plan.expectation), plan.kwargs)
        if condition is None:
            return outcome
        try:
            rows = self.execute(
                f'select cast("{position}" as varchar) from "{schema}"."{table}" where {condition} '
                f'and "{position}" is not null order by "{position}" limit {FAILING_ROWS}'
            )
        except sqlalchemy.exc.DBAPIError:
            return outcome
        return Outcome(
            success=False,
            observed=outcome.observed,
            unexpected_count=outcome.unexpected_count,
            element_count=outcome.element_count,
            failing_rows=tuple(f"{position} {row[0]}" for row in rows),
        )


@cache
def great_expectations_context() -> Any:
    """The one context that checks in this process."""
    return new_context()


def new_context() -> Any:
    """A context in memory; nothing is sent anywhere and no progress bar is drawn."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    os.environ.setdefault("DO_NOT_TRACK", "1")
    import great_expectations
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    from expectations import duckdb_expectations as _registered  # noqa: F401

    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    context = great_expectations.get_context(
        mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=stores)
    )
    context.variables.progress_bars = {"globally": False}
    return context


@contextmanager
def quiet() -> Iterator[None]:
    """Great Expectations' log kept still: what it would say there is in the results, and without row values."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _counts_only() -> Iterator[None]:
    """No query for offending values: Great Expectations runs one for each expectation, also where none are wanted."""
    from great_expectations.expectations.expectation import ColumnMapExpectation

    dependencies = ColumnMapExpectation.get_validation_dependencies

    def without_values(self: Any, *arguments: Any, **options: Any) -> Any:
        found = dependencies(self, *arguments, **options)
        found.metric_configurations.pop(f"{self.map_metric}.unexpected_values", None)
        return found

    ColumnMapExpectation.get_validation_dependencies = without_values
    try:
        yield
    finally:
        ColumnMapExpectation.get_validation_dependencies = dependencies


def redacted(error: BaseException | str) -> str:
    """The first line of an error that speaks of names or files; of any other its kind alone, for it may quote a row."""
    text = str(getattr(error, "orig", None) or error).strip()
    text = re.sub(r"^\(\S+\)\s*", "", text)
    first = text.splitlines()[0] if text else type(error).__name__
    if not _SPEAKS_OF_NAMES.match(first):
        return f"{first.partition(':')[0][:60]} (its text may hold a value of a row and is left out)"
    return first[:300].rstrip(". ")


def _outcome(result: Any) -> Outcome:
    if error := _exception(result.exception_info):
        return Outcome(success=False, error=error)
    seen = result.result or {}
    return Outcome(
        success=result.success is True,
        observed=_observed(seen.get("observed_value")),
        unexpected_count=seen.get("unexpected_count"),
        element_count=seen.get("element_count"),
    )


def _exception(info: Any) -> str | None:
    if not isinstance(info, Mapping):
        return None
    if "raised_exception" in info:
        if not info["raised_exception"]:
            return None
        return redacted(str(info.get("exception_message") or "an exception without a message"))
    for nested in info.values():
        if error := _exception(nested):
            return error
    return None


def _observed(value: Any) -> Any:
    """Numbers, flags, dates, and the names of columns; any other text could be somebody's."""
    if isinstance(value, Mapping) and set(value) == {"columns_without_values"}:
        return dict(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (date, datetime)):
        return plain(value)
    return None
