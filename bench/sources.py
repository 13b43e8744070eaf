"""How fast systems are pulled: pages of a web shop, and tills in SQLite and PostgreSQL against a plain fetch.

    python -m bench.sources [receipts]

Prints one JSON line. Each ratio is of one run on one machine: the pull into the lake, over reading the same rows of the
same database through SQLAlchemy into Arrow and doing nothing with them.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from bench.postgres_cluster import Cluster, NoPostgres, postgres_cluster
from ingestion import Ledger, land, plan, sources
from ingestion.demo import Company

_NOW = datetime(2026, 8, 10, tzinfo=UTC)
_LINES = 2.5  # a receipt
_PAGES_OF_PERSONS = 2500
_BATCH = 20_000
TILL_COLUMNS = {
    "stores": "store_id text, name text, city text, country text, timezone text, currency text, updated_at timestamptz",
    "members": """member_no text, full_name text, phone text, email text, birth_date date, gender text, street text,
        city text, postcode text, country text, member_level text, store_id text, consent_sms boolean,
        consent_email boolean, joined_at timestamptz, updated_at timestamptz""",
    "receipts": """receipt_id bigint, receipt_no text, store_id text, register_no integer, kind text,
        sold_at timestamptz, currency text, member_no text, customer_name text, customer_phone text,
        customer_street text, customer_birth_date date, total_amount numeric(12, 2), discount_amount numeric(12, 2),
        tax_amount numeric(12, 2), rounding_amount numeric(12, 2), payment_method text, original_receipt_id bigint,
        original_order_name text, status text, cashier text, updated_at timestamptz""",
    "receipt_lines": """receipt_id bigint, line_no integer, sku text, product_name text, category text,
        quantity numeric(12, 3), unit_price numeric(12, 2), discount_amount numeric(12, 2), tax_amount numeric(12, 2),
        updated_at timestamptz""",
}
_CHANGED = "strftime(timestamp '2026-01-01' + to_seconds({0} * 15), '%Y-%m-%dT%H:%M:%SZ')"
_ROWS = {
    "stores": "select 'S' || i, 'Store ' || i, 'Berlin', 'DE', 'Europe/Berlin', 'EUR', '2026-01-01T00:00:00Z'"
    " from range(20) t(i)",
    "members": "select 'M' || i, 'Member ' || i, '+49151' || i, null, '1990-01-02', 'F', null, 'Berlin', '10115', 'DE',"
    " 'gold', 'S1', 'true', 'false', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z' from range({0} // 20) t(i)",
    "receipts": "select 1000000 + i, 'R' || i, 'S' || i % 20, i % 4, 'sale', "
    + _CHANGED.format("i")
    + ", 'EUR', case when i % 3 = 0 then 'M' || i % 1000 end, null, null, null, null,"
    " cast(i % 9000 as decimal(12, 2)) / 100 + 1, 0.5, 0.19, 0.0, 'card', null, null, 'completed', 'C' || i % 30, "
    + _CHANGED.format("i")
    + " from range({0}) t(i)",
    "receipt_lines": "select 1000000 + i * 2 // 5, i % 5 % 3 + 1, 'SKU-' || i % 5000, 'Article ' || i % 5000, 'Shoes',"
    " 1 + i % 3, cast(i % 9000 as decimal(12, 2)) / 100, 0.5, 0.19, "
    + _CHANGED.format("i * 2 // 5")
    + " from range({1}) t(i)",
}


def pos_figures(receipts: int, folder: Path) -> dict[str, Any]:
    """Seconds and ratios for SQLite and, where it is installed, PostgreSQL."""
    tables = _write_rows(receipts, folder)
    figures = {"sqlite": _measure(_sqlite(folder, tables), folder / "sqlite")}
    try:
        with postgres_cluster() as cluster:
            figures["postgresql"] = _measure(_postgres(cluster, folder, tables), folder / "postgresql")
    except NoPostgres as reason:
        figures["postgresql"] = {"absent": str(reason)}
    return figures


def _write_rows(receipts: int, folder: Path) -> dict[str, Path]:
    paths = {}
    with duckdb.connect() as database:
        for table, query in _ROWS.items():
            paths[table] = folder / f"{table}.csv"
            rows = query.format(receipts, int(receipts * _LINES))
            database.execute(f"copy ({rows}) to '{paths[table]}' (format csv, header false, nullstr '')")
    return paths


def _sqlite(folder: Path, tables: dict[str, Path]) -> str:
    path = folder / "tills.sqlite"
    with closing(sqlite3.connect(path)) as target, duckdb.connect() as reader:
        options = "header = false, all_varchar = true, nullstr = ''"
        fill_sqlite(target, {name: reader.sql(f"from read_csv('{file}', {options})") for name, file in tables.items()})
    return f"sqlite:///{path}"


def fill_sqlite(
    target: sqlite3.Connection, rows: dict[str, duckdb.DuckDBPyRelation], keys: Mapping[str, str] | None = None
) -> None:
    """Put rows into the tables of a till, which are made where they are missing; a row replaces the one of its key."""
    # As a till writes it: numbers as SQLite's own, times and dates as text.
    kinds = {"bigint": "integer", "numeric(12, 2)": "real", "numeric(12, 3)": "real", "boolean": "text", "date": "text"}
    for table, relation in rows.items():
        columns = TILL_COLUMNS[table]
        for kind, own in {**kinds, "timestamptz": "text"}.items():
            columns = columns.replace(f" {kind}", f" {own}")
        key = f", primary key ({keys[table]})" if keys and table in keys else ""
        target.execute(f"create table if not exists {table} ({columns}{key})")
        texts = relation.project("cast(columns(*) as varchar)")
        places = ", ".join("?" * len(texts.columns))
        while batch := texts.fetchmany(_BATCH):
            target.executemany(f"insert or replace into {table} values ({places})", batch)
    target.commit()


def _postgres(cluster: Cluster, folder: Path, tables: dict[str, Path]) -> str:
    with cluster.connect() as connection:
        for table, columns in TILL_COLUMNS.items():
            connection.execute(f"create table {table} ({columns})")  # type: ignore[call-overload]
            fill = f"copy {table} from stdin (format csv)"
            with tables[table].open("rb") as file, connection.cursor().copy(fill) as copy:  # type: ignore[call-overload]
                while chunk := file.read(1 << 20):
                    copy.write(chunk)
            connection.execute(f"analyze {table}")  # type: ignore[call-overload]
    return cluster.url()


def _measure(url: str, folder: Path) -> dict[str, Any]:
    plain_seconds, plain_rows = _timed(lambda: _plain_fetch(url))
    pull_seconds, pulled_rows = _timed(lambda: _pull(url, folder))
    if plain_rows != pulled_rows:
        raise SystemExit(f"{plain_rows} rows were fetched and {pulled_rows} landed")
    return {
        "rows": pulled_rows,
        "plain_seconds": round(plain_seconds, 2),
        "pull_seconds": round(pull_seconds, 2),
        "ratio": round(pull_seconds / plain_seconds, 2),
    }


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def _plain_fetch(url: str) -> int:
    """Every row as SQLAlchemy gives it, in Arrow tables."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    count = 0
    with engine.connect() as connection:
        for name in TILL_COLUMNS:
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            result = connection.execution_options(stream_results=True, yield_per=_BATCH).execute(sa.select(table))
            for batch in result.partitions():
                columns = zip(*batch, strict=True)
                count += pa.table(dict(zip(result.keys(), map(pa.array, columns), strict=True))).num_rows
    engine.dispose()
    return count


def _pull(url: str, folder: Path) -> int:
    (delivery,) = plan(sources()["pos"], {"pos": {"database_url": url}}, [], [], Ledger(folder / "lake"), now=_NOW)
    return land(delivery, folder / "lake", folder / "work").rows_read


def shop_figures(folder: Path) -> dict[str, Any]:
    """Seconds a page of 250 orders takes, from the request to the lake."""
    company = Company(folder / "company", persons=_PAGES_OF_PERSONS, seed=1)
    company.advance(1)
    with company.serve() as settings:
        lake = folder / "shop-lake"
        # Transactions are a call an order, not a page, and a first pull asks for those of few.
        shop = {"shopify": {**settings["shopify"], "transaction_days": "0"}}
        (delivery,) = plan(sources()["shopify"], shop, [], [], Ledger(lake), now=company.as_of(1))
        begun = time.perf_counter()
        report = land(delivery, lake, folder / "work")
        seconds = time.perf_counter() - begun
    pages = report.rows_read / 250
    return {
        "rows": report.rows_read,
        "orders": report.tables["orders"].rows_landed,
        "pull_seconds": round(seconds, 2),
        "page_seconds": round(seconds / pages, 3),
    }


def _alone(part: str, receipts: int) -> dict[str, Any]:
    """A part in a process of its own, so that its peak of memory is its own."""
    command = [sys.executable, "-m", "bench.sources", str(receipts), part]
    return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def main(arguments: list[str]) -> None:
    """Print the figures as one JSON line."""
    receipts = int(arguments[0]) if arguments else 100_000
    if len(arguments) < 2:
        print(json.dumps({"receipts": receipts, "pos": _alone("pos", receipts), "shopify": _alone("shop", receipts)}))
        return
    with tempfile.TemporaryDirectory(prefix="omnihouse-bench-") as name:
        folder = Path(name)
        figures = pos_figures(receipts, folder) if arguments[1] == "pos" else shop_figures(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**figures, "peak_mb": round(peak)}))


if __name__ == "__main__":
    main(sys.argv[1:])
