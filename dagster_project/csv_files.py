"""Tables as CSV for other systems, written by DuckDB: each cell an SQL expression.

Here: how a row becomes a line, and spellings that several kinds of files share. Not here: which files there are and
what is in them (`conversions`, `audiences`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from dagster_project.warehouse import literal


def write(warehouse: duckdb.DuckDBPyConnection, columns: Mapping[str, str], rows: str, file: Path) -> int:
    """Write a file with a header line; returns its rows.

    `columns`: the SQL of each cell by the column's name; `rows`: the query from its `from` on. A text that is missing
    and an empty one are both an empty cell.
    """
    cells = ", ".join(f"nullif(cast({cell} as text), '') as \"{name}\"" for name, cell in columns.items())
    found = warehouse.execute(f"copy (select {cells} {rows}) to {literal(str(file))} (format csv, header)").fetchone()
    return found[0] if found else 0


def local_time(instant: str, form: str, offset_form: str) -> str:
    """The SQL of a moment as clocks show it in the row's `timezone`, with its offset.

    Without the offset the hour that comes twice when clocks are put back could not be told apart. `form` is one of
    `strftime`; `offset_form` takes hours and minutes.
    """
    local = f"({instant} at time zone timezone)"
    minutes = f"((epoch_us({local}) - epoch_us({instant})) // 60000000)"
    return (
        f"strftime({local}, '{form}')"
        f" || printf('%s{offset_form}', if({minutes} < 0, '-', '+'), abs({minutes}) // 60, abs({minutes}) % 60)"
    )
