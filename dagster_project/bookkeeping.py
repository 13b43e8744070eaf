"""The tables of schema `ops` that tell of runs, loads, gates and freshness, written from the records on disk.

Reconciliation, conservation and quarantine are models of the dbt project and not made here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from dagster_project.night import Night
from dagster_project.warehouse import literal

_LOADS = {
    "load_id": pa.string(),
    "source_system": pa.string(),
    "source_table": pa.string(),
    "file_name": pa.string(),
    "content_sha256": pa.string(),
    "cursor_from": pa.string(),
    "cursor_to": pa.string(),
    "rows_read": pa.int64(),
    "rows_landed": pa.int64(),
    "rows_rejected": pa.int64(),
    "first_record_at": pa.string(),
    "last_record_at": pa.string(),
    "admitted": pa.bool_(),
    "status": pa.string(),
    "error": pa.string(),
    "run_id": pa.string(),
    "as_of": pa.string(),
    "loaded_at": pa.string(),
}
_RUNS = {
    "run_id": pa.string(),
    "mode": pa.string(),
    "night": pa.int64(),
    "as_of": pa.string(),
    "started_at": pa.string(),
    "seconds": pa.float64(),
    "published": pa.bool_(),
    "exit_code": pa.int64(),
    "quarantined": pa.int64(),
}
_STEPS = {
    "run_id": pa.string(),
    "name": pa.string(),
    "started_at": pa.string(),
    "seconds": pa.float64(),
    "rows": pa.int64(),
    "status": pa.string(),
    "error": pa.string(),
}
_QUALITY = {
    "run_id": pa.string(),
    "suite": pa.string(),
    "table_schema": pa.string(),
    "table_name": pa.string(),
    "expectation": pa.string(),
    "column_name": pa.string(),
    "severity": pa.string(),
    "success": pa.bool_(),
    "observed": pa.string(),
    "expected": pa.string(),
    "unexpected_count": pa.int64(),
    "element_count": pa.int64(),
    "failing_rows": pa.string(),
    "load_id": pa.string(),
    "why": pa.string(),
    "error": pa.string(),
}
_ANOMALIES = {
    "run_id": pa.string(),
    "source_system": pa.string(),
    "stream": pa.string(),
    "measure": pa.string(),
    "business_date": pa.string(),
    "value": pa.float64(),
    "usual": pa.float64(),
    "usual_low": pa.float64(),
    "usual_high": pa.float64(),
}
_REFUSED_RULES = {
    "file": pa.string(),
    "line": pa.int64(),
    "rule": pa.string(),
    "reason": pa.string(),
}
_FRESHNESS = {
    "source_system": pa.string(),
    "status": pa.string(),
    "reason": pa.string(),
    "last_load_id": pa.string(),
    "last_record_at": pa.string(),
    "rows_landed": pa.int64(),
}
_DATES = ("business_date",)
_TIMES = ("first_record_at", "last_record_at", "loaded_at", "as_of", "started_at")
_COLUMNS = {
    "admitted": "Whether the models may read the load.",
    "as_of": "The logical clock of the run.",
    "business_date": "The day that was unusual.",
    "column_name": "The column that was checked; empty for a check of the whole table.",
    "content_sha256": "Hash of the content, by which a file is known again.",
    "cursor_from": "From where the source was asked; empty for files.",
    "cursor_to": "How far the source was read; the next pull starts a little before it.",
    "element_count": "How many rows were looked at.",
    "error": "What went wrong, in words; of an admitted load, what its source would not show.",
    "exit_code": "0 published whole, 1 a step or source failed, 3 a gate refused.",
    "expectation": "The name of the expectation.",
    "expected": "What was demanded, as JSON.",
    "failing_rows": "The first rows that do not meet it, by their key or line; empty where that would be personal.",
    "file": "The rule file.",
    "file_name": "The file below the landing folder; empty for a pull.",
    "first_record_at": "Time of the earliest record in the load.",
    "last_load_id": "The newest admitted load of the source.",
    "last_record_at": "Time of the latest record.",
    "line": "Its line; the header is line 1.",
    "load_id": "The load.",
    "loaded_at": "When the ledger took the load in.",
    "measure": "As in ops.stream_days or ops.column_weeks.",
    "mode": "next: the next night; again: the same once more; rebuild: the warehouse anew.",
    "name": "The step.",
    "night": "Number of the publication the run made or would have made.",
    "observed": "What was seen: a number, never the value of a row.",
    "published": "Whether the release of the run was made current.",
    "quarantined": "Rows in quarantine at the end of the run.",
    "reason": "Why the source is not fresh, or the rule not used.",
    "rows": "Rows that the step handled.",
    "rule": "What the line calls itself: a tag.",
    "rows_landed": "Rows written to the lake.",
    "rows_read": "Rows that the source delivered: landed and rejected ones.",
    "rows_rejected": "Lines that could not be read at all; they stand in quarantine.",
    "run_id": "The run; sorts by time.",
    "seconds": "How long it took.",
    "severity": "block keeps a load or a publication back; quarantine sets rows aside; warn only tells.",
    "source_system": "The source, or the landing folder of an export.",
    "source_table": "The raw table.",
    "started_at": "When it began.",
    "status": "How it ended.",
    "stream": "What kind of rows, or the subject of ops.column_weeks; all for the source as a whole.",
    "success": "Whether it was met.",
    "suite": "The file in expectations/suites; tests: the tests on the tables, beside the models.",
    "table_name": "The table that was checked.",
    "table_schema": "Its schema.",
    "unexpected_count": "How many rows do not meet it.",
    "usual": "Median of the same weekday of the twelve weeks before, or of these weeks.",
    "usual_high": "The most that is usual.",
    "usual_low": "The least that is usual.",
    "value": "What the run saw.",
    "why": "Why the expectation exists.",
}
# A question that each answers, and how it is asked.
EXAMPLES = {
    "runs": (
        "How long did the last runs take, and did they publish?",
        "select run_id, mode, night, round(seconds) as seconds, published, quarantined\n"
        "from ops.runs\n"
        "order by run_id desc\n"
        "limit 10",
    ),
    "steps": (
        "Which steps of the last run took longest?",
        "select name, round(seconds, 1) as seconds, rows, status\n"
        "from ops.steps\n"
        "where run_id = (select max(run_id) from ops.steps)\n"
        "order by seconds desc\n"
        "limit 10",
    ),
    "loads": (
        "What was loaded last of each source?",
        "select source_system, count(*) as loads, sum(rows_landed) as rows_landed, max(loaded_at) as last_loaded_at\n"
        "from ops.loads\n"
        "where admitted\n"
        "group by source_system\n"
        "order by source_system",
    ),
    "quality_results": (
        "How many checks passed, by how much they matter?",
        "select severity, success, count(*) as checks\n"
        "from ops.quality_results\n"
        "where run_id = (select max(run_id) from ops.quality_results)\n"
        "group by severity, success\n"
        "order by severity, success",
    ),
    "freshness": (
        "Which sources are fresh, and up to when do they reach?",
        "select source_system, status, last_record_at, rows_landed\n"
        "from ops.freshness\n"
        "order by status desc, source_system",
    ),
    "anomalies": (
        "What was unusual in the runs so far?",
        "select count(*) as findings, count(distinct source_system) as sources, max(business_date) as last_day\n"
        "from ops.anomalies",
    ),
    "refused_rules": (
        "Which lines of rule files are not used?",
        "select count(*) as lines, count(distinct file) as files\nfrom ops.refused_rules",
    ),
}
_DESCRIPTIONS = {
    "loads": "One row per table of a file or pull: what was read, landed and rejected, and whether it was admitted.",
    "runs": "One row per run up to and including the one that published this file.",
    "steps": "One row per step of a run, with its rows and seconds.",
    "quality_results": "One row per expectation that a run checked, with its numbers; never a personal value.",
    "anomalies": "One row per measure of a stream or column that a run found unusual.",
    "refused_rules": "One row per line of a rule file that tonight's run does not use; its other lines count.",
    "freshness": "One row per source: fresh tonight, stale with the reason, or absent (not configured).",
}


def write_loads(warehouse: duckdb.DuckDBPyConnection, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write `ops.loads` from the ledger's entries; returns the number of rows."""
    told = ({**row, "as_of": row.get("as_of") or row["recorded_at"], "loaded_at": row["recorded_at"]} for row in rows)
    return _write(warehouse, "loads", _LOADS, told)


def write_refused_rules(warehouse: duckdb.DuckDBPyConnection, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write `ops.refused_rules`; returns the number of rows."""
    return _write(warehouse, "refused_rules", _REFUSED_RULES, rows)


def write_history(warehouse: duckdb.DuckDBPyConnection, night: Night) -> None:
    """Write `ops.runs`, `steps`, `anomalies` and `quality_results` from the runs' records, tonight's included."""
    records = [*_earlier(night.house.runs, night.run_id), night.record_once_current()]
    _write(warehouse, "runs", _RUNS, records)
    _write(warehouse, "steps", _STEPS, ({**step, "run_id": run["run_id"]} for run in records for step in run["steps"]))
    found = ({**found, "run_id": run["run_id"]} for run in records for found in run.get("anomalies", ()))
    _write(warehouse, "anomalies", _ANOMALIES, found)
    _write(
        warehouse,
        "quality_results",
        _QUALITY,
        (
            {
                **gate,
                "run_id": run["run_id"],
                "column_name": gate.get("column"),
                "observed": _text(gate.get("observed")),
                "expected": _text(gate.get("expected")),
                "failing_rows": ", ".join(gate.get("failing_rows") or ()) or None,
            }
            for run in records
            for gate in (*run["gates"], *run.get("table_tests", ()))
        ),
    )


def write_freshness(
    warehouse: duckdb.DuckDBPyConnection, states: Mapping[str, Mapping[str, Any]], ledger: Iterable[Mapping[str, Any]]
) -> None:
    """Write `ops.freshness`: tonight's state of each source beside the last load it was admitted with."""
    last: dict[str, dict[str, Any]] = {}
    for load in ledger:
        if load["admitted"]:
            best = last.setdefault(load["source_system"], {"last_load_id": "", "last_record_at": None})
            best["last_load_id"] = max(best["last_load_id"], load["load_id"])
            best["last_record_at"] = max(best["last_record_at"] or "", load["last_record_at"] or "") or None
    _write(
        warehouse,
        "freshness",
        _FRESHNESS,
        (
            {"source_system": name, **last.get(name, {}), **{key: state.get(key) for key in ("status", "reason")},
             "rows_landed": state.get("rows_landed", 0)}
            for name, state in sorted(states.items())
        ),
    )  # fmt: skip


def _earlier(runs: Path, run_id: str) -> list[dict[str, Any]]:
    found = []
    for file in sorted(runs.glob("*.json")):
        if file.stem != run_id:
            try:
                found.append(json.loads(file.read_text()))
            except ValueError:
                print(f"! {file} cannot be read; the tables of schema ops leave this run out", flush=True)
    return found


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)


def _write(
    warehouse: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, pa.DataType],
    rows: Iterable[Mapping[str, Any]],
) -> int:
    listed = [{name: row.get(name) for name in columns} for row in rows]
    arrow = pa.Table.from_pylist(listed, schema=pa.schema(list(columns.items())))
    kinds = dict.fromkeys(_TIMES, "timestamptz") | dict.fromkeys(_DATES, "date")
    selected = ", ".join(f"{name}::{kinds[name]} as {name}" if name in kinds else name for name in columns)
    warehouse.register("rows_to_write", arrow)
    warehouse.execute(f"create or replace table ops.{table} as select {selected} from rows_to_write")
    warehouse.unregister("rows_to_write")
    warehouse.execute(f"comment on table ops.{table} is {literal(_DESCRIPTIONS[table])}")
    for name in columns:
        warehouse.execute(f"comment on column ops.{table}.{name} is {literal(_COLUMNS[name])}")
    return arrow.num_rows
