"""`make quarantine`: what was set aside, by source, table and rule, and what to do about it.

Read from where it is newest: the published file, or after a run that was not published the warehouse. Keys only, as
`ops.quarantine` has them; the rows themselves are in the warehouse's schema `quarantine`. Not here: shares and limits
(`quarantine_shares`).
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.config import House
from dagster_project.errors import ConfigurationError
from dagster_project.lock import AlreadyRunning, HomeLock
from dagster_project.warehouse import connect

_KEYS_SHOWN = 50
_WIDTH = 118


def listing(house: House, source: str = "", rule: str = "") -> str:
    """The text of the command: a paragraph a source, table and rule; with a filter the rows' keys as well."""
    with _newest(house) as (tables, place):
        groups = tables.execute(
            """
            select
                source_system, source_table, rule, any_value(reason) as reason, count(*) as rows,
                count(distinct load_id) as loads, count(file_name) > 0 as is_file,
                strftime(min(first_seen_at), '%Y-%m-%d %H:%M') as first_seen,
                strftime(max(last_seen_at), '%Y-%m-%d %H:%M') as last_seen
            from ops.quarantine
            where source_system in ($source, if($source = '', source_system, $source))
                and rule in ($rule, if($rule = '', rule, $rule))
            group by source_system, source_table, rule
            order by rows desc, source_system, source_table, rule
            """,
            {"source": source, "rule": rule},
        ).fetchall()
        keys = _keys(tables, source, rule) if source or rule else []
        shares = _shares(tables, source)
    asked = " and ".join(f"{name} {value}" for name, value in (("source", source), ("rule", rule)) if value)
    if not groups:
        return f"Nothing is in quarantine{f' of {asked}' if asked else ''}, says {place}."
    total = sum(group[4] for group in groups)
    lines = [f"{total:,} rows are in quarantine{f' of {asked}' if asked else ''}, says {place}. Times are UTC."]
    for group in groups:
        lines += ["", *_paragraph(*group)]
    if keys:
        more = f" (the first {_KEYS_SHOWN})" if total > _KEYS_SHOWN else ""
        lines += ["", f"Their keys{more}: key · table · rule · load · file and line", *keys]
    if shares:
        lines += ["", "Of what came since the publication before:", *shares]
    return "\n".join(lines)


def _paragraph(
    source: str,
    table: str,
    rule: str,
    reason: str | None,
    rows: int,
    loads: int,
    is_file: bool,
    first_seen: str,
    last_seen: str,
) -> list[str]:
    head = f"{source} {table}, {rule}: {rows:,} rows of {loads:,} loads, first {first_seen}, last {last_seen}"
    told = [f"why:  {reason}", f"next: {_next_step(source, table, rule, is_file)}"]
    return [head, *(line for text in told for line in textwrap.wrap(text, _WIDTH, initial_indent="  ",
            subsequent_indent=" " * 8))]  # fmt: skip


def _next_step(source: str, table: str, rule: str, is_file: bool) -> str:
    if table == "amounts" and rule.startswith("rate"):
        return "drop the missing rates into landing/fx_rates; the next run takes them"
    withdraw = "or withdraw the whole load with make reject LOAD=<id>"
    if is_file:
        return f"mend these lines and drop the file into landing/{source} again; the next run takes it; {withdraw}"
    return f"mend these records in {source}; the next pull brings them, and they leave by themselves; {withdraw}"


def _keys(tables: duckdb.DuckDBPyConnection, source: str, rule: str) -> list[str]:
    rows = tables.execute(
        "select key, source_table, rule, load_id, file_name, row_number from ops.quarantine"
        " where ($source = '' or source_system = $source) and ($rule = '' or rule = $rule)"
        f" order by all limit {_KEYS_SHOWN}",
        {"source": source, "rule": rule},
    ).fetchall()
    return ["  " + " · ".join(_shown(row)) for row in rows]


def _shown(row: Sequence[Any]) -> Iterator[str]:
    key, table, rule, load_id, file_name, number = row
    yield from (key or "(no key)", table, rule, load_id or "(no load)")
    if file_name:
        yield f"{file_name}:{number}"


def _shares(tables: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    if not _has(tables, "quarantine_shares"):
        return []
    rows = tables.execute(
        "select source_system, rows_quarantined, rows_read, percent_quarantined, limit_percent"
        " from ops.quarantine_shares where rows_quarantined > 0 and ($source = '' or source_system = $source)"
        " order by percent_quarantined desc, source_system",
        {"source": source},
    ).fetchall()
    return [
        f"  {name}: {waiting:,} of {came:,} rows, {percent:.2f} % (limit {limit.normalize():f} %)"
        for name, waiting, came, percent, limit in rows
    ]


@contextmanager
def _newest(house: House) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """The tables of the newest state, and what to call it."""
    lock = HomeLock(house.home)
    if _last_run_is_unpublished(house):
        try:
            # Held for the moment of reading: a run could not open the warehouse meanwhile.
            lock.acquire()
        except AlreadyRunning:
            pass
        else:
            try:
                if _is_readable(house, house.warehouse):
                    with connect(house, read_only=True) as tables:
                        yield tables, "the warehouse of the last run, which was not published"
                        return
            finally:
                lock.release()
    published = house.published / "omnihouse.duckdb"
    if not _is_readable(house, published):
        raise ConfigurationError(f"{published} is not there yet: nothing is published. Publish a night with make run.")
    with connect(house, published, read_only=True) as tables:
        yield tables, f"the publication {(house.published / 'current').resolve().name}"


def _last_run_is_unpublished(house: House) -> bool:
    newest = max(house.runs.glob("*.json"), default=None, key=lambda file: file.name)
    return newest is not None and not json.loads(newest.read_text()).get("published", False)


def _is_readable(house: House, file: Path) -> bool:
    if not file.exists():
        return False
    try:
        with connect(house, file, read_only=True) as tables:
            return _has(tables, "quarantine")
    except duckdb.Error:
        return False


def _has(tables: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = tables.execute(
        "select 1 from duckdb_tables() where schema_name = 'ops' and table_name = $1", [table]
    ).fetchone()
    return found is not None
