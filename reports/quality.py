"""The quality report: can tonight's numbers be relied on?"""

from __future__ import annotations

from reports import charts
from reports.page import Figure, Report
from reports.reader import Reader
from reports.wording import count, number, percent

_LAST = "(select max(run_id) from ops.runs)"

CHECKS = f"""
select
    table_schema as "schema", count(*) as checks, count(*) filter (where success) as passed,
    count(*) filter (where not success and severity = 'block') as refused,
    count(*) filter (where not success and severity <> 'block') as warned
from ops.quality_results
where run_id = {_LAST}
group by table_schema
order by table_schema"""
CHECKS_BY_NIGHT = """
select runs.night, runs.run_id, count(*) as checks, count(*) filter (where not results.success) as failed
from ops.quality_results as results
inner join ops.runs as runs on runs.run_id = results.run_id
group by runs.night, runs.run_id
order by runs.run_id"""
FRESHNESS = """
select
    source_system as source, status, last_record_at as latest_record,
    round(date_diff('minute', last_record_at, (select max_by(as_of, run_id) from ops.runs)) / 1440, 1) as days_behind,
    rows_landed as rows_tonight
from ops.freshness
where status <> 'absent'
order by days_behind desc nulls last, source"""
QUARANTINE = """
select source_system as source, source_table as "table", rule, any_value(reason) as reason, count(*) as rows
from ops.quarantine
group by source_system, source_table, rule
order by rows desc, source, rule"""
UNUSUAL = """
select source_system as source, stream, measure, business_date as day, value, usual, usual_low, usual_high
from ops.stream_days
where is_unusual and is_tonight
union all
select source_system, subject, measure, week_end_date, value, usual, usual_low, usual_high
from ops.column_weeks
where is_unusual and is_latest
order by source, stream, measure"""
ROWS = """
select source_system as source, business_date as day, sum(value) as rows
from ops.stream_days
where measure = 'rows'
group by source_system, business_date
order by source_system, business_date"""
MONEY = """
select source_system as source, currency, count(*) as days, sum(source_total) as booked, sum(mart_total) as shown,
    sum(abs(difference)) as difference
from ops.reconciliation
group by source_system, currency
order by difference desc, source, currency"""
CONSERVATION = """
select raw_schema, sum(rows_read) as read, sum(rows_staged) as staged, sum(rows_superseded) as superseded,
    sum(rows_quarantined) as quarantined, sum(rows_lost) as lost
from ops.conservation
group by raw_schema
order by read desc, raw_schema"""
DURATION = """
select night, run_id, mode, round(seconds) as seconds, quarantined
from ops.runs
order by run_id"""
STEPS = f"""
select name as step, round(seconds, 1) as seconds, rows, status
from ops.steps
where run_id = {_LAST}
order by seconds desc, step
limit 14"""


def checks(reader: Reader) -> Figure:
    """How many checks passed tonight."""
    rows = reader.rows(CHECKS)
    if not rows:
        return Figure("Nothing was there to be checked", CHECKS)
    every, passed = sum(row["checks"] for row in rows), sum(row["passed"] for row in rows)
    title = (
        f"All of {count(every, 'check')} passed" if every == passed else f"{every - passed} of {every:,} checks failed"
    )
    chart = charts.bars([(row["schema"], row["checks"] - row["passed"]) for row in rows], "checks failed", number)
    return Figure(title, CHECKS, rows, chart if every > passed else "", show_rows=True)


def failures_by_night(reader: Reader) -> Figure:
    """Whether it gets better or worse."""
    rows = reader.rows(CHECKS_BY_NIGHT)[-60:]
    if not rows:
        return Figure("No run is on record with a check", CHECKS_BY_NIGHT)
    failed = [row for row in rows if row["failed"]]
    chart = charts.lines(
        [str(row["night"]) for row in rows], {"failed": [row["failed"] for row in rows]}, "checks failed", "publication"
    )
    return Figure(
        f"In {len(failed) or 'none'} of the last {count(len(rows), 'run')} a check failed", CHECKS_BY_NIGHT, rows, chart
    )


def freshness(reader: Reader) -> Figure:
    """Up to when each source reaches."""
    rows = reader.rows(FRESHNESS)
    if not rows:
        return Figure("No source has delivered anything yet", FRESHNESS)
    stale = [row["source"] for row in rows if row["status"] != "fresh"]
    title = f"{', '.join(stale)} could not be loaded" if stale else f"All of {count(len(rows), 'source')} answered"
    behind = [row for row in rows if row["days_behind"] is not None]
    chart = charts.bars([(row["source"], row["days_behind"]) for row in behind], "days since the latest record")
    return Figure(title, FRESHNESS, rows, chart, "A source that seldom has something new lies behind without a fault.")


def quarantine(reader: Reader) -> Figure:
    """What was set aside, and why."""
    rows = reader.rows(QUARANTINE)
    if not rows:
        return Figure("No row waits in quarantine", QUARANTINE)
    chart = charts.bars([(f"{row['source']} {row['rule']}", row["rows"]) for row in rows[:14]], "rows in quarantine")
    return Figure(
        f"{count(sum(row['rows'] for row in rows), 'row')} wait in quarantine, most for {rows[0]['rule']} "
        f"of {rows[0]['source']}",
        QUARANTINE,
        rows,
        chart,
    )


def unusual(reader: Reader) -> Figure:
    """Which streams and columns are not as they use to be."""
    rows = reader.rows(UNUSUAL)
    if not rows:
        return Figure("No stream of rows and no column is unusual", UNUSUAL)
    return Figure(f"{count(len(rows), 'measure')} unusual, first {rows[0]['source']}", UNUSUAL, rows, show_rows=True)


def rows_a_day(reader: Reader) -> Figure:
    """How much came of each source, day by day."""
    rows = reader.rows(ROWS)
    if not rows:
        return Figure("No source has brought rows in the last weeks", ROWS)
    days = sorted({row["day"] for row in rows})
    sums: dict[str, float] = {}
    for row in rows:
        sums[row["source"]] = sums.get(row["source"], 0.0) + row["rows"]
    largest = sorted(sums, key=lambda name: (-sums[name], name))[:6]
    found = {(row["source"], row["day"]): row["rows"] for row in rows}
    return Figure(
        f"{largest[0]} brings most: {number(sums[largest[0]] / len(days))} rows a day",
        ROWS,
        (),
        charts.lines(
            [f"{day:%-d %b}" for day in days],
            {name: [found.get((name, day)) for day in days] for name in largest},
            "rows",
            "day of the rows",
        ),
        "The six largest; streams.html beside the Data Docs has all, with what is usual.",
    )


def reconciliation(reader: Reader) -> Figure:
    """Whether money booked is money shown."""
    rows = reader.rows(MONEY)
    if not rows:
        return Figure("No money was booked yet", MONEY)
    off = [row for row in rows if row["difference"]]
    title = (
        f"{off[0]['source']} differs by {number(off[0]['difference'], 2)} {off[0]['currency']}"
        if off
        else f"Money booked is money shown, to the cent, in all of {count(len(rows), 'source and currency', 'pairs')}"
    )
    return Figure(title, MONEY, rows, show_rows=True)


def conservation(reader: Reader) -> Figure:
    """Whether a row was lost on the way."""
    rows = reader.rows(CONSERVATION)
    if not rows:
        return Figure("No row was read yet", CONSERVATION)
    lost, read = sum(row["lost"] for row in rows), sum(row["read"] for row in rows)
    return Figure(
        f"{number(lost)} of {number(read)} rows were lost between the lake and the tables"
        if lost
        else f"No row of {number(read)} was lost between the lake and the tables",
        CONSERVATION,
        rows,
        charts.bars(
            [(row["raw_schema"], row["superseded"] / row["read"] if row["read"] else None) for row in rows],
            "share of rows read that a newer version replaced",
            percent,
        ),
    )


def duration(reader: Reader) -> Figure:
    """How long the nights take."""
    rows = reader.rows(DURATION)[-60:]
    if not rows:
        return Figure("No run is on record", DURATION)
    chart = charts.lines(
        [str(row["night"]) for row in rows], {"seconds": [row["seconds"] for row in rows]}, "seconds", "publication"
    )
    return Figure(
        f"Tonight's run took {number(rows[-1]['seconds'])} seconds before it published", DURATION, rows, chart
    )


def steps(reader: Reader) -> Figure:
    """Where the time of the night goes."""
    rows = reader.rows(STEPS)
    if not rows:
        return Figure("No step is on record", STEPS)
    chart = charts.bars([(row["step"], row["seconds"]) for row in rows], "seconds; pulls run side by side")
    return Figure(f"{rows[0]['step']} took longest, {number(rows[0]['seconds'], 1)} s", STEPS, rows, chart)


REPORT = Report(
    "quality",
    "Data quality of the night",
    "Can tonight's numbers be relied on?",
    (checks, failures_by_night, freshness, quarantine, unusual, rows_a_day, reconciliation, conservation, duration,
     steps),
)  # fmt: skip
