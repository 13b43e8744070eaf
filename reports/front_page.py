"""The front page of a publication: when, what was loaded, the gates, five numbers of the day, and where to go on."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from reports import charts, page
from reports.reader import Reader, Row
from reports.wording import NOT_KNOWN, count, money, number

_DAYS = 28
# Of each number: what a reader calls it, how it is written, whether a day without a row had none of it.
_NUMBERS: dict[str, tuple[str, Callable[[Any, str], str], bool]] = {
    "net_revenue": ("Net revenue", money, True),
    "orders": ("Orders", lambda value, _: number(value), True),
    "new_customers": ("New customers", lambda value, _: number(value), True),
    "marketing_cost": ("Marketing cost", money, True),
    "first_reply_seconds": (
        "First reply of the desk",
        lambda value, _: NOT_KNOWN if value is None else f"{float(value) / 60:,.0f} min",
        False,
    ),
}
NUMBERS = """
select kpi, date, value
from marts.kpi_daily
where channel = '(all)' and date > $1 and date <= $2 and kpi in
    ('net_revenue', 'orders', 'new_customers', 'marketing_cost', 'first_reply_seconds')"""
SOURCES = """
select source_system as source, status, rows_landed as rows_tonight, last_record_at as latest_record, reason
from ops.freshness
where status <> 'absent'
order by status = 'fresh', source_system"""
FAILED = """
select table_schema || '.' || table_name as "table", expectation as "check", severity, observed, why
from ops.quality_results
where run_id = (select max(run_id) from ops.runs) and not success
order by severity, "table", "check", observed"""
CHECKS = """
select count(*) filter (where success) as passed, count(*) as all_checks
from ops.quality_results
where run_id = (select max(run_id) from ops.runs)"""
UNUSUAL = """
select source_system, stream, measure, business_date, value, usual_low, usual_high
from ops.anomalies
where run_id = (select max(run_id) from ops.runs)
order by all"""
TABLES = """
select schema_name || '.' || table_name as "table", estimated_size as rows
from duckdb_tables()
where not internal
order by all"""


def front_page(reader: Reader, links: Sequence[tuple[str, str, str]]) -> str:
    """The page; `links` are (address relative to the page, name, what is there)."""
    run = next(iter(reader.rows("select * from ops.runs order by run_id desc limit 1")), {})
    day = f"{reader.last_day:%A, %-d %B %Y}" if reader.last_day else "no day yet"
    told = (
        f"Publication {run.get('night', NOT_KNOWN)}, made by run {run.get('run_id', NOT_KNOWN)} as of "
        f"{reader.as_of:%Y-%m-%d %H:%M} UTC. Days are those of the reporting zone."
        if reader.as_of
        else "No run is on record."
    )
    listed = "".join(
        f'<li><a href="{html.escape(to)}">{html.escape(name)}</a> <span class="aside">{html.escape(what)}</span></li>'
        for to, name, what in links
    )
    tables = reader.rows(TABLES)
    body = (
        f'<h1>Omnihouse, data to {day}</h1><p class="aside">{html.escape(told)}</p>'
        "<section><h2>The day beside the same day a week before</h2>"
        f'<div class="tiles">{_tiles(reader)}</div></section>'
        f"<section><h2>Look further</h2><ul>{listed}</ul></section>"
        f"<section><h2>What was loaded</h2>{_sources(reader)}</section>"
        f"<section><h2>The gates</h2>{_gates(reader, run)}</section>"
        f"<section><details><summary>{count(len(tables), 'table')} and their rows</summary>"
        f"{page.table(tables, len(tables))}</details></section>"
    )
    return page.shell(f"Omnihouse {reader.last_day or ''}".strip(), body)


def _tiles(reader: Reader) -> str:
    found: dict[tuple[str, Any], Any] = {}
    last = reader.last_day
    if last:
        rows = reader.rows(NUMBERS, last - timedelta(days=_DAYS), last)
        found = {(row["kpi"], row["date"]): row["value"] for row in rows}
    tiles = []
    for kpi, (name, shown, is_sum) in _NUMBERS.items():
        days = [last - timedelta(days=back) for back in range(_DAYS - 1, -1, -1)] if last else []
        values = [found.get((kpi, day), 0 if is_sum and found else None) for day in days]
        now, before = (values[-1], values[-8]) if values else (None, None)
        tiles.append(
            f'<div class="tile"><span>{name}</span><b>{html.escape(shown(now, reader.currency))}</b>'
            f'<span class="aside">a week before {html.escape(shown(before, reader.currency))}'
            f"{_moved(now, before)}</span>"
            f"{charts.sparkline(values)}</div>"
        )
    return "".join(tiles)


def _moved(now: Any, before: Any) -> str:
    if now is None or not before:
        return ""
    change = float(now) / float(before) - 1
    return f", {change:+.0%}".replace("%", "\u202f%") if abs(change) >= 0.005 else ", the same"


def _sources(reader: Reader) -> str:
    rows = reader.rows(SOURCES)
    late = [row for row in rows if row["status"] != "fresh"]
    said = f"All of {count(len(rows), 'source')} are fresh." if rows and not late else ""
    if late:
        told = "; ".join(f"{row['source']} is {row['status']}: {row['reason']}" for row in late)
        said = f'<span class="bad">{html.escape(told)}.</span> Their tables are at the last good load.'
    if not rows:
        said = "No source has delivered anything yet."
    return f"<p>{said}</p><details><summary>Source by source</summary>{page.table(rows, len(rows))}</details>"


def _gates(reader: Reader, run: Row) -> str:
    counted = reader.rows(CHECKS)[0]
    failed, unusual = reader.rows(FAILED), reader.rows(UNUSUAL)
    waiting = run.get("quarantined") or 0
    said = (
        f"<p>{counted['passed']:,} of {count(counted['all_checks'], 'check')} passed. "
        f"{count(waiting, 'row')} {'is' if waiting == 1 else 'are'} in quarantine. "
        f"{count(len(unusual), 'stream')} of rows {'is' if len(unusual) == 1 else 'are'} unusual.</p>"
    )
    return said + page.table(failed) + page.table(unusual)
