"""The demo company's two databases: the documents of shop and desk with the company's own ledger, and the tills.

Belongs here: tables, writing one night in one transaction with its marker, reading documents for the servers.
Does not belong here: what the documents say, HTTP.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

Row = tuple[object, ...]
Document = tuple[int, int, int, dict[str, Any]]  # id, updated, created, content

KINDS = (
    "orders", "customers", "products", "locations", "inventory_levels", "checkouts", "events",
    "tickets", "ticket_metrics", "users", "satisfaction_ratings",
    "organizations", "ticket_metric_events", "calls", "legs", "deleted_tickets",
)  # fmt: skip
POS_TABLES = {
    "stores": ("store_id", "name", "city", "country", "timezone", "currency", "updated_at"),
    "members": (
        "member_no", "full_name", "phone", "email", "birth_date", "gender", "street", "city", "postcode", "country",
        "member_level", "store_id", "consent_sms", "consent_email", "joined_at", "updated_at",
    ),
    "receipts": (
        "receipt_id", "receipt_no", "store_id", "register_no", "kind", "sold_at", "currency", "member_no",
        "customer_name", "customer_phone", "customer_street", "customer_birth_date", "total_amount", "discount_amount",
        "tax_amount", "rounding_amount", "payment_method", "original_receipt_id", "original_order_name", "status",
        "cashier", "updated_at",
    ),
    "receipt_lines": (
        "receipt_id", "line_no", "sku", "product_name", "category", "quantity", "unit_price", "discount_amount",
        "tax_amount", "updated_at",
    ),
}  # fmt: skip
_POS_KEYS = {
    "stores": "store_id",
    "members": "member_no",
    "receipts": "receipt_id",
    "receipt_lines": "receipt_id, line_no",
}


json_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Systems:
    """``systems.sqlite``: documents, truth records, causes, books and tallies. Its marker is the company's night."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(self._connect()) as db, db:
            db.execute("create table if not exists meta (key text primary key, value text) without rowid")
            for kind in KINDS:
                columns = "id integer primary key, updated integer, created integer, body text"
                db.execute(f"create table if not exists {kind} ({columns})")
                db.execute(f"create index if not exists {kind}_updated on {kind} (updated, id)")
            db.execute(
                "create table if not exists records (source_system text, record_type text, source_record_id text,"
                " person_id text, undecidable integer, noise text,"
                " primary key (source_system, record_type, source_record_id)) without rowid"
            )
            db.execute(
                "create table if not exists books (entry text, business_date text, movement text, source_system text,"
                " currency text, amount integer, primary key (entry, business_date, movement)) without rowid"
            )
            db.execute(
                "create table if not exists tallies (entry text primary key, what text, source_system text,"
                " currency text, amount integer) without rowid"
            )
            db.execute(
                "create table if not exists causes (source_system text, source_order_id text, cause text,"
                " platform text, campaign text, message_id text, occurred_at integer,"
                " primary key (source_system, source_order_id)) without rowid"
            )

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=60)

    def meta(self) -> dict[str, str]:
        """The company's constants and its night, as text."""
        with closing(self._connect()) as db:
            return dict(db.execute("select key, value from meta"))

    def found(self, meta: dict[str, str]) -> None:
        """Write the company's constants once."""
        with closing(self._connect()) as db, db:
            db.executemany("insert or ignore into meta values (?, ?)", sorted(meta.items()))

    @property
    def night(self) -> int:
        """The last night written; 0 before the first."""
        return int(self.meta().get("night", "0"))

    def write_night(
        self,
        night: int,
        documents: dict[str, Iterable[Document]],
        records: Iterable[Row],
        books: dict[str, list[Row]],
        tallies: Iterable[Row],
        causes: Iterable[Row],
    ) -> None:
        """Upsert everything of a night and its marker in one transaction.

        ``documents`` are read once, so that they may be made on the way; ``books`` replaces all entries of each key.
        """
        with closing(self._connect()) as db, db:
            for kind, rows in documents.items():
                texts = ((*row[:3], json_text(row[3])) for row in rows)
                db.executemany(f"insert or replace into {kind} values (?, ?, ?, ?)", texts)
            db.executemany("insert or ignore into records values (?, ?, ?, ?, ?, ?)", records)
            db.executemany("delete from books where entry = ?", ((entry,) for entry in books))
            db.executemany(
                "insert into books values (?, ?, ?, ?, ?, ?) "
                "on conflict do update set amount = amount + excluded.amount",
                ((entry, *row) for entry, rows in books.items() for row in rows),
            )
            db.executemany("insert or replace into tallies values (?, ?, ?, ?, ?)", tallies)
            db.executemany("insert or replace into causes values (?, ?, ?, ?, ?, ?, ?)", causes)
            db.execute("insert or replace into meta values ('night', ?)", (str(night),))

    def touch(self, kind: str, number: int, updated: int, body: str) -> None:
        """Replace one document, which was saved again at an instant."""
        with closing(self._connect()) as db, db:
            db.execute(f"update {kind} set updated = ?, body = ? where id = ?", (updated, body, number))

    def query(self, sql: str, values: Iterable[object] = ()) -> list[Row]:
        """The rows of a query, read on a connection of its own."""
        with closing(self._connect()) as db:
            return db.execute(sql, tuple(values)).fetchall()


class TillDatabase:
    """``pos.sqlite``: the tills' tables. SQLite's user_version is the last night written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(sqlite3.connect(path, timeout=60)) as db, db:
            for table, columns in POS_TABLES.items():
                listed = ", ".join(f"{column} text" for column in columns)
                db.execute(f"create table if not exists {table} ({listed}, primary key ({_POS_KEYS[table]}))")
                if table in ("receipts", "receipt_lines", "members"):
                    db.execute(f"create index if not exists {table}_updated on {table} (updated_at)")

    def write_night(self, night: int, tables: dict[str, list[Row]]) -> None:
        """Upsert the rows of a night and its marker in one transaction."""
        with closing(sqlite3.connect(self.path, timeout=60)) as db, db:
            db.execute("begin immediate")
            for table, rows in tables.items():
                places = ", ".join("?" * len(POS_TABLES[table]))
                db.executemany(f"insert or replace into {table} values ({places})", rows)
            db.execute(f"pragma user_version = {night:d}")

    def counts(self) -> dict[str, int]:
        """Number of rows per table."""
        with closing(sqlite3.connect(self.path, timeout=60)) as db:
            return {table: db.execute(f"select count(*) from {table}").fetchone()[0] for table in POS_TABLES}
