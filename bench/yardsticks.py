"""What people would use instead of a stage of the night, on the files and tables of a home that has had one.

    python -m bench.yardsticks STEP HOME FOLDER

prints one JSON line, of a process that did nothing else. `FOLDER` is on the same disk and takes what a step writes. Not
here: the night itself (`nights`), nor the clustering of records (`identity`).
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from bench.measuring import clock, peak_mb, rounds, said_by, since

MEMORY = "8GB"
# A step that took longer is not repeated.
SHORT_SECONDS = 60
HAND = Path(__file__).with_name("by_hand.sql")
# Tables of `by_hand.sql`; those whose rows have to be as many as the warehouse has.
SAME_ROWS = (
    *("customers", "orders", "order_lines", "refunds", "payments", "products", "service_tickets", "messages"),
    *("ad_performance", "touchpoints"),
)
COVERED = (*SAME_ROWS, "int_touchpoints__sessions", "customer_rfm", "customer_lifecycle")


def read_exports(home: Path, folder: Path) -> None:
    """DuckDB's own readers, each landing folder into a table of a file."""
    with _database(folder / "read.duckdb") as database:
        for place in sorted((home / "landing").iterdir()):
            kind, skip = ("read_json", "") if place.name == "events" else ("read_csv", ", header = true")
            if place.name == "google_ads":
                skip += ", skip = 2"
            files = [str(file) for file in sorted(place.iterdir())]
            union = ", union_by_name = true"
            database.execute(f"create table {place.name} as from {kind}({files}{skip}{union})")


def land_exports(home: Path, folder: Path) -> None:
    """The same files as deliveries into a lake."""
    import ingestion

    lake = folder / "lake"
    for name in ("exports", "events"):
        source = ingestion.sources()[name]
        for delivery in ingestion.plan(source, {}, [home / "landing"], [home / "mappings"], ingestion.Ledger(lake)):
            ingestion.land(delivery, lake, folder / "work")


def by_hand(home: Path, folder: Path) -> dict[str, Any]:
    """The script beside this module, from the lake of the home; how many rows each of its tables has."""
    members, file = folder / "members.parquet", folder / "by_hand.duckdb"
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        warehouse.execute(f"copy (from intermediate.int_identity__members) to '{members}'")
        (as_of,) = warehouse.execute("select as_of::varchar from ops.run_parameters").fetchall()[0]
        counted = {name: warehouse.execute(f"select count(*) from marts.{name}").fetchall()[0][0] for name in SAME_ROWS}
    text = HAND.read_text()
    for name, value in {"lake": home / "lake", "members": members, "as_of": as_of}.items():
        text = text.replace(f"${name}", str(value))
    before = clock()
    with _database(file) as database:
        database.execute(text)
        found = since(before)
        rows = {name: database.table(name).shape[0] for name in SAME_ROWS}
    if different := {name: (rows[name], counted[name]) for name in SAME_ROWS if rows[name] != counted[name]}:
        raise SystemExit(f"the script and the warehouse differ in rows: {different}")
    return {**found, "rows": sum(rows.values())}


def scan_gated(home: Path, _: Path) -> dict[str, Any]:
    """Every column that a gate names, read once: of the lake's files and of the marts."""
    columns = 0
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True, config={"memory_limit": MEMORY}) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        for schema, table, names in _gated(warehouse):
            columns += len(names)
            looks = ", ".join(f'count("{name}"), min("{name}"), max("{name}")' for name in names)
            warehouse.execute(f'select count(*), {looks} from "{schema}"."{table}"').fetchall()
    return {"columns": columns}


def gate_loads(home: Path, _: Path) -> dict[str, Any]:
    """The gates of the home's loads once more, as a night holds them against what has landed."""
    import expectations
    import ingestion

    schemas = {source.name: source.schema for source in ingestion.sources().values()}
    lines = ingestion.Ledger(home / "lake").admitted_loads()
    loads: dict[str, list[Any]] = {}
    for line in lines:
        loads.setdefault(line["load_id"], []).append(line)
    checks = 0
    for load, tables in loads.items():
        suite = schemas.get(tables[0]["source_system"], "raw_exports")
        files = {line["source_table"]: [home / "lake" / name for name in line["files"]] for line in tables}
        rows = {line["source_table"]: line["rows_landed"] for line in tables}
        clock_at = max(line.get("as_of") or line["recorded_at"] for line in tables)
        found = expectations.check_load(
            files, suite, {"as_of": clock_at, "rows": rows, "seen_before": {}}, load_id=load
        )
        checks += len(found)
    return {"checks": checks}


def copy_database(home: Path, folder: Path) -> None:
    """All published tables into a new file, by DuckDB alone."""
    with _database(folder / "copied.duckdb") as target:
        target.execute(f"attach '{home / 'published' / 'omnihouse.duckdb'}' as published (read_only)")
        target.execute("copy from database published to copied")
        target.execute("checkpoint")


STEPS: dict[str, Callable[[Path, Path], dict[str, Any] | None]] = {
    step.__name__: step for step in (read_exports, land_exports, by_hand, scan_gated, gate_loads, copy_database)
}


def measure(home: Path, folder: Path, *names: str) -> dict[str, list[dict[str, Any]]]:
    """Each step in a process of its own, in turns, repeated while it is short."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(rounds()):
        for name, runs in found.items():
            if not runs or runs[-1]["seconds"] < SHORT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                runs.append(json.loads(said_by("bench.yardsticks", name, home, folder).splitlines()[-1]))
    shutil.rmtree(folder, ignore_errors=True)
    return found


def _database(file: Path) -> duckdb.DuckDBPyConnection:
    limits = {"threads": 2, "memory_limit": MEMORY, "temp_directory": f"{file}.tmp"}
    database = duckdb.connect(str(file), config=limits)
    database.execute("set TimeZone = 'UTC'")
    return database


def _gated(warehouse: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str, list[str]]]:
    """Schema, table and gated columns of every table that has some."""
    import expectations
    from expectations.suites import load_suite

    for name in expectations.suite_names():
        suite = load_suite(name)
        for table in suite.tables:
            entries = (*suite.every_table, *suite.table(table).entries)
            wanted = {str(entry.kwargs["column"]) for entry in entries if "column" in entry.kwargs}
            known = warehouse.execute(
                "select column_name from duckdb_columns() where schema_name = $1 and table_name = $2",
                [suite.schema, table],
            ).fetchall()
            if names := sorted(wanted & {column for (column,) in known}):
                yield suite.schema, table, names


def main(arguments: list[str]) -> None:
    """One step, and what it took."""
    name, home, folder = arguments
    if name in ("land_exports", "gate_loads", "scan_gated"):
        import expectations  # noqa: F401
        import ingestion  # noqa: F401  (what a night imports is not part of a step)
    before = clock()
    said = STEPS[name](Path(home), Path(folder)) or {}
    print(json.dumps({**since(before), "peak_mb": peak_mb(), **said}))


if __name__ == "__main__":
    main(sys.argv[1:])
