"""Dropped files into the lake, beside the time DuckDB itself needs to read the same file into a table.

    python -m bench.files [ROWS] [ROUNDS]

prints one JSON object: for a CSV of order lines and for JSON lines of events the seconds (wall and CPU) and peak memory
of both, and `ratio`, the median of wall time over DuckDB's of the same round. Each measurement is a process of its own,
the two take turns, and starting Python is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.measuring import clock, peak_mb, since

KINDS = {"csv": ("lines", "lines.csv"), "events": ("events", "events.jsonl")}
_MAPPING = """
files: "*.csv"
timezone: Europe/London
currency: GBP
entities:
  order_lines:
    order_id: Order
    ordered_at: Ordered
    customer_key: Customer
    email: Email
    sku: SKU
    product_name: Product
    quantity: Qty
    unit_price: Price
    net_amount: Net
    store_id: Store
"""
_LINES = """
    select
        'INV' || lpad((i // 3)::varchar, 8, '0') as "Order",
        strftime(timestamp '2026-01-01' + interval (i * 7) second, '%Y-%m-%d %H:%M:%S') as "Ordered",
        'C' || (i * 7919 % 90000) as "Customer",
        case when i % 3 = 0 then 'user' || (i * 7919 % 90000) || '@example.com' end as "Email",
        'SKU-' || (i * 31 % 5000) as "SKU",
        'Product number ' || (i * 31 % 5000) as "Product",
        1 + i % 5 as "Qty",
        printf('%.2f', (i * 37 % 20000) / 100.0) as "Price",
        printf('%.2f', (i * 91 % 100000) / 100.0) as "Net",
        'S' || (i % 40) as "Store"
    from range($rows) t(i)
"""
_EVENTS = """
    select
        'm' || i as "messageId",
        case when i % 3 = 0 then 'track' else 'page' end as "type",
        case when i % 3 = 0 then 'Order Completed' end as event,
        'anon' || (i % 50000) as "anonymousId",
        strftime(timestamp '2026-01-01' + interval (i) second, '%Y-%m-%dT%H:%M:%S.000Z') as "timestamp",
        {'page': {'url': 'https://shop.example/p/' || (i % 1000)}, 'ip': '192.0.2.1'} as context,
        {'value': i % 1000, 'order_id': 'O' || i} as properties
    from range($rows) t(i)
"""


def make_files(folder: Path, rows: int) -> None:
    """The files both sides read."""
    import duckdb

    with duckdb.connect() as database:
        for query, name in ((_LINES, "lines.csv"), (_EVENTS, "events.jsonl")):
            kind = "header" if name.endswith("csv") else "format json"
            database.execute(f"copy ({query}) to '{folder / name}' ({kind})", {"rows": rows})


def duckdb_reads(kind: str, file: Path, work: Path) -> int:
    """DuckDB's own reader into a table of a database file; the rows read."""
    import duckdb

    with duckdb.connect(str(work / "plain.duckdb")) as database:
        reader = "read_csv" if kind == "csv" else "read_json"
        database.execute(f"create table rows as select * from {reader}('{file}')")
        return int(database.execute("select count(*) from rows").fetchall()[0][0])


def omnihouse_lands(kind: str, file: Path, work: Path) -> int:
    """The same file as a delivery into the lake; the rows landed."""
    from ingestion import Ledger, land, plan, sources

    folder, name = KINDS[kind]
    landing, mappings = work / "landing", work / "mappings"
    (landing / folder).mkdir(parents=True)
    mappings.mkdir()
    (mappings / "lines.yml").write_text(_MAPPING)
    (landing / folder / name).hardlink_to(file)
    source = sources()["events" if kind == "events" else "exports"]
    started.append(clock())
    (delivery,) = plan(source, {}, [landing], [mappings], Ledger(work / "lake"))
    return land(delivery, work / "lake", work / "work").rows_read


# What is measured begins where a side has imported what it needs.
started: list[tuple[float, float]] = []


def _measure_here(side: str, kind: str, file: Path) -> dict[str, Any]:
    import duckdb  # noqa: F401  (not part of what is measured)

    with tempfile.TemporaryDirectory(dir=file.parent) as work:
        started.append(clock())
        rows = (duckdb_reads if side == "duckdb" else omnihouse_lands)(kind, file, Path(work))
        took = since(started[-1])
    return {"rows": rows, **took, "peak_mb": peak_mb()}


def measure(rows: int, rounds: int) -> dict[str, Any]:
    """What `main` prints."""
    result: dict[str, Any] = {"benchmark": "files", "rows": rows}
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), rows)
        for kind, (_, name) in KINDS.items():
            found: dict[str, list[dict[str, Any]]] = {"duckdb": [], "omnihouse": []}
            for _ in range(rounds):
                for side, runs in found.items():
                    command = [sys.executable, "-m", "bench.files", side, kind, str(Path(folder, name))]
                    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                    runs.append(json.loads(finished.stdout.splitlines()[-1]))
            if any(run["rows"] != rows for runs in found.values() for run in runs):
                raise SystemExit(f"not every one of the {rows} rows of {name} was read: {found}")
            pairs = list(zip(found["omnihouse"], found["duckdb"], strict=True))
            result[kind] = {
                "ratio": round(median(ours["seconds"] / theirs["seconds"] for ours, theirs in pairs), 2),
                "cpu_ratio": round(median(ours["cpu_seconds"] / theirs["cpu_seconds"] for ours, theirs in pairs), 2),
                **{side: sorted(runs, key=lambda run: run["seconds"])[rounds // 2] for side, runs in found.items()},
            }
    return result


def main() -> None:
    """Measure, or be one of the measured processes."""
    if len(sys.argv) > 1 and sys.argv[1] in {"duckdb", "omnihouse"}:
        print(json.dumps(_measure_here(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
        return
    rows, rounds = (int(text) for text in (*sys.argv[1:], *("1000000", "3")[len(sys.argv) - 1 :]))
    print(json.dumps(measure(rows, rounds)))


if __name__ == "__main__":
    main()
