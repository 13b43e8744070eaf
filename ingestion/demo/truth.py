"""The truth beside the demo company: who each record is, what set off a purchase, the books, an inventory of it all.

Belongs here: the four files and the rows they come from. Only evaluations and tests read them; no pipeline may.
Does not belong here: the simulation itself.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.demo.adverts import final_costs
from ingestion.demo.catalog import money
from ingestion.demo.clock import as_of, utc_text
from ingestion.demo.systems import Systems, TillDatabase

_TALLIED = {
    "order": "orders",
    "test_order": "test_orders",
    "refund": "refunds",
    "sale": "receipts",
    "return": "returns",
}
_EXPORTED = {
    "rows": "rows",
    "order": "orders",
    "closed_order": "closed_orders",
    "refund": "refunds",
    "file_customer": "customers",
    "messages": "lines",
    "touchpoints": "visits",
}
_SUMMED = ("rows", "messages", "touchpoints")


def write_atomically(path: Path, content: bytes, workshop: Path) -> None:
    """Put a file in place in one step; it is written in ``workshop``, so that no reader of the folder sees a part."""
    workshop.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = workshop / f"{path.name}.{os.getpid()}"
    partial.write_bytes(content)
    os.replace(partial, path)


def write_truth(
    folder: Path,
    workshop: Path,
    systems: Systems,
    tills: TillDatabase,
    persons: int,
    seed: int,
    landing_folders: Collection[str],
) -> None:
    """Write ``records.parquet``, ``books.csv``, ``causes.csv``; last ``inventory.json``, which carries the night."""
    night = systems.night
    write_atomically(folder / "records.parquet", _records(systems), workshop)
    write_atomically(folder / "books.csv", _books(systems), workshop)
    write_atomically(folder / "causes.csv", _causes(systems), workshop)
    inventory = _inventory(systems, tills, final_costs(persons, seed, night, landing_folders))
    text = json.dumps(inventory, ensure_ascii=False, indent=2, sort_keys=True)
    write_atomically(folder / "inventory.json", text.encode(), workshop)


def truth_night(folder: Path) -> int:
    """The night the truth was last written for; 0 if never."""
    path = folder / "inventory.json"
    return int(json.loads(path.read_text())["night"]) if path.exists() else 0


def _records(systems: Systems) -> bytes:
    rows = systems.query("select * from records order by source_system, record_type, source_record_id")
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    table = pa.table(
        {
            "source_system": pa.array(columns[0], pa.string()),
            "record_type": pa.array(columns[1], pa.string()),
            "source_record_id": pa.array(columns[2], pa.string()),
            "person_id": pa.array(columns[3], pa.string()),
            "undecidable": pa.array([bool(value) for value in columns[4]], pa.bool_()),
            "noise": pa.array(columns[5], pa.string()),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _books(systems: Systems) -> bytes:
    rows = systems.query(
        "select source_system, currency, business_date, movement, sum(amount) from books"
        " group by 1, 2, 3, 4 order by 1, 2, 3, 4"
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["source_system", "currency", "business_date", "movement", "amount"])
    for source, currency, day, movement, amount in rows:
        writer.writerow([source, currency, day, movement, money(int(str(amount)), str(currency))])
    return text.getvalue().encode()


def _causes(systems: Systems) -> bytes:
    """Of each purchase what set it off, and the touchpoint that it became; none where no visit did."""
    rows = systems.query("select * from causes order by source_system, source_order_id")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["source_system", "source_order_id", "cause", "platform", "campaign", "touchpoint_id", "occurred_at"]
    )
    for *named, message_id, occurred_at in rows:
        when = None if occurred_at is None else utc_text(int(str(occurred_at)))
        writer.writerow([*named, None if message_id is None else f"event-{message_id}", when])
    return text.getvalue().encode()


def _inventory(systems: Systems, tills: TillDatabase, ad_costs: dict[tuple[str, str], int]) -> dict[str, Any]:
    documents = {
        kind: int(str(systems.query(f"select count(*) from {kind}")[0][0]))
        for kind in ("orders", "customers", "products", "tickets", "users", "satisfaction_ratings")
    }
    tallies = systems.query(
        "select what, source_system, currency, count(*), sum(amount) from tallies group by 1, 2, 3 order by 1, 2, 3"
    )
    counts: dict[str, int] = dict(documents)
    exports: dict[str, dict[str, int]] = {}
    totals: dict[str, dict[str, dict[str, str]]] = {}
    receipts = {"sale": 0, "return": 0, "voided": 0}
    for what, source, currency, number, amount in tallies:
        kind, rows, value = str(what), int(str(number)), int(str(amount))
        if kind == "events":
            counts["events"] = value
        elif kind in receipts:
            receipts[kind] += rows
        if kind == "test_order":
            counts["test_orders"] = rows
        if kind in _EXPORTED and source not in ("shopify", "pos"):
            shown_as = _EXPORTED[kind]
            listed = exports.setdefault(str(source), {})
            listed[shown_as] = listed.get(shown_as, 0) + (value if kind in _SUMMED else rows)
            if kind == "rows":
                listed["files"] = rows
        if kind in _TALLIED:
            shown = totals.setdefault(str(source), {}).setdefault(str(currency), {})
            shown[_TALLIED[kind]] = money(value, str(currency))
    pos = tills.counts()
    counts["sale_receipts"], counts["return_receipts"] = receipts["sale"], receipts["return"]
    counts["voided_receipts"], counts["receipts"] = receipts["voided"], pos["receipts"]
    counts["receipt_lines"], counts["members"], counts["stores"] = pos["receipt_lines"], pos["members"], pos["stores"]
    costs: dict[str, dict[str, str]] = {}
    for (platform, currency), cost in ad_costs.items():
        costs.setdefault(platform, {})[currency] = money(cost, currency)
    return {
        "night": systems.night,
        "as_of": as_of(systems.night).isoformat(),
        "counts": counts,
        "totals": totals,
        "exports": exports,
        "ad_cost": costs,
    }
