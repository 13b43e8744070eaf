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
    "why": pa.string(),
    "error": pa.string(),
}
_FRESHNESS = {
    "source_system": pa.string(),
    "status": pa.string(),
    "reason": pa.string(),
    "last_load_id": pa.string(),
    "last_record_at": pa.string(),
    "rows_landed": pa.int64(),
}
_TIMES = ("first_record_at", "last_record_at", "loaded_at", "as_of", "started_at")
_DESCRIPTIONS = {
    "loads": "One row per table of a file or pull: what was read, landed and rejected, and whether it was admitted.",
    "runs": "One row per run up to and including the one that published this file.",
    "steps": "One row per step of a run, with its rows and seconds.",
    "quality_results": "One row per expectation that a run checked, with its numbers; never a personal value.",
    "freshness": "One row per source: fresh tonight, stale with the reason, or absent (not configured).",
}


def write_loads(warehouse: duckdb.DuckDBPyConnection, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write `ops.loads` from the ledger's entries; returns the number of rows."""
    return _write(warehouse, "loads", _LOADS, ({**row, "loaded_at": row["recorded_at"]} for row in rows))


def write_history(warehouse: duckdb.DuckDBPyConnection, night: Night) -> None:
    """Write `ops.runs`, `ops.steps` and `ops.quality_results` from the runs' records, tonight's included."""
    records = [*_earlier(night.house.runs, night.run_id), night.record()]
    _write(warehouse, "runs", _RUNS, records)
    _write(warehouse, "steps", _STEPS, ({**step, "run_id": run["run_id"]} for run in records for step in run["steps"]))
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
            }
            for run in records
            for gate in run["gates"]
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
    return [json.loads(file.read_text()) for file in sorted(runs.glob("*.json")) if file.stem != run_id]


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
    selected = ", ".join(f"{name}::timestamptz as {name}" if name in _TIMES else name for name in columns)
    warehouse.register("rows_to_write", arrow)
    warehouse.execute(f"create or replace table ops.{table} as select {selected} from rows_to_write")
    warehouse.unregister("rows_to_write")
    warehouse.execute(f"comment on table ops.{table} is '{_DESCRIPTIONS[table]}'")
    return arrow.num_rows
