"""Reading a publication: the published file and, for those who may open it, the restricted one beside it.

Here: how to open them so that nothing can be written, and what every page asks first. Not here: any page's questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

Row = dict[str, Any]
RESTRICTED = Path("restricted") / "omnihouse_restricted.duckdb"


class Reader:
    """Questions to one published file; times are UTC."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """The answer, a dictionary a row in the order of the columns; `parameters` stand for ``$1`` and so on."""
        found = self._connection.execute(sql, list(parameters) or None)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def one(self, sql: str, *parameters: object) -> Any:
        """The first value of the answer, or None where there is none."""
        row = self._connection.execute(sql, list(parameters) or None).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @cached_property
    def last_day(self) -> date | None:
        """The last day that was complete in the reporting zone when the file was made."""
        return self.one("select max(date) from marts.dates where is_complete")

    @cached_property
    def as_of(self) -> datetime | None:
        """The logical clock of the run that made the file."""
        return self.one("select max_by(as_of, run_id) from ops.runs")

    @cached_property
    def currency(self) -> str:
        """The reporting currency, as the rates of orders and advertisements show it."""
        found = self.one(
            "select currency from marts.orders where fx_rate = 1 union all"
            " select currency from marts.ad_performance where cost = cost_reporting and cost <> 0 limit 1"
        )
        return found or "reporting currency"


def reading(file: Path, memory: str | None = None) -> Reader:
    """A reader of a published file, to be closed by the caller; `memory` is DuckDB's limit, such as ``2GiB``."""
    connection = duckdb.connect(str(file), read_only=True)
    if memory:
        connection.execute(f"set memory_limit = '{memory}'")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_external_access = false")
    return Reader(connection)


@contextmanager
def opened(file: Path, memory: str | None = None) -> Iterator[Reader]:
    """A reader of a published file, closed at the end."""
    with closing(reading(file, memory)) as reader:
        yield reader
