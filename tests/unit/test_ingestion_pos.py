"""Tills behind SQLAlchemy: exact text, one moment for all tables, a missing file never created."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from ingestion import (
    BadDelivery,
    ConfigurationError,
    SourceUnavailable,
    sources,
)
from ingestion.arrow_text import value_text
from tests.unit.pulled import TillHome

POS = sources()["pos"]
NOW = datetime(2026, 8, 10, tzinfo=UTC)


class Home(TillHome):
    """A home whose tills are a SQLite file."""

    def __init__(self, root: Path) -> None:
        self.path = root / "tills.sqlite"
        super().__init__(root, f"sqlite:///{self.path}", NOW)

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            for statement in statements:
                database.execute(statement)

    def create(self, **replaced: str) -> None:
        tables = {table.name: ", ".join(f"{name} text" for name in table.columns) for table in POS.tables} | replaced
        self.execute(*(f"create table {name} ({columns})" for name, columns in tables.items() if columns))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_rows_arrive_as_the_exact_text_and_unknown_columns_beside_them(home: Home) -> None:
    needed = "store_id text, kind text, sold_at text, currency text"
    home.create(
        receipts="receipt_id integer, total_amount text, tax_amount real, loyalty text, updated_at text, status text, "
        + needed
    )
    home.execute(
        "insert into receipts (receipt_id, total_amount, tax_amount, loyalty, updated_at)"
        " values (9007199254740993, '10.10', 1e-7, '积分', '2026-08-01T10:00:00Z')",
        "insert into receipt_lines (receipt_id, line_no, updated_at) values ('1', '1', '2026-08-01T10:00:00Z')",
    )
    report = home.pull()
    assert {name: table.rows_landed for name, table in report.tables.items()} == {
        "stores": 0, "members": 0, "receipts": 1, "receipt_lines": 1,
    }  # fmt: skip
    assert home.read("select receipt_id, total_amount, tax_amount, status, _extra from raw_pos.receipts") == [
        ("9007199254740993", "10.10", "0.0000001", None, '{"loyalty": "积分"}')
    ]


def test_the_look_back_finds_what_was_committed_late(home: Home) -> None:
    home.create()
    insert = "insert into members (member_no, updated_at) values ('{}', '{}')"
    home.execute(insert.format("old", "2026-07-01T00:00:00Z"), insert.format("new", "2026-08-05T10:00:00Z"))
    assert home.pull().tables["members"].cursor_to == "2026-08-05T10:00:00Z"
    home.execute(insert.format("late", "2026-08-03 23:00:00"), insert.format("older", "2026-08-01T00:00:00Z"))
    assert home.pull().tables["members"].rows_landed == 2
    assert sorted(str(row[0]) for row in home.read("select distinct member_no from raw_pos.members")) == [
        "late",
        "new",
        "old",
    ]


def test_a_missing_database_is_said_and_not_created(home: Home) -> None:
    with pytest.raises(SourceUnavailable, match=r"tills\.sqlite does not exist"):
        home.pull()
    assert not home.path.exists()


def test_the_tills_cannot_be_written(home: Home) -> None:
    home.create()
    engine = __import__("importlib").import_module("ingestion.till_database").make_engine(home.url)
    with engine.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("insert into stores (store_id) values ('x')")


def test_a_database_of_something_else_is_named(home: Home) -> None:
    home.execute("create table users (id integer)")
    with pytest.raises(BadDelivery, match="has no table stores"):
        home.pull()
    home.path.write_bytes(b"this is no database at all, though it is long enough to be looked at")
    with pytest.raises(SourceUnavailable, match="not a database"):
        home.pull()


def test_a_table_that_cannot_be_followed_is_refused(home: Home) -> None:
    home.create(receipts="receipt_id text")
    with pytest.raises(BadDelivery, match="no column updated_at"):
        home.pull()


@pytest.mark.parametrize("url", ["not a url", "oracle+nodriver://u:secret@h/d"])
def test_a_wrong_url_is_refused_without_its_password(home: Home, url: str) -> None:
    home.url = url
    with pytest.raises(ConfigurationError, match="SOURCES__POS__DATABASE_URL") as caught:
        home.pull()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (12345678901234567890, "12345678901234567890"),
        (Decimal("10.10"), "10.10"),
        (Decimal("1E+3"), "1000"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (datetime.fromisoformat("2026-08-01T10:00:00"), "2026-08-01T10:00:00Z"),
        (datetime(2026, 8, 1, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=8))), "2026-08-01T02:00:00.000005Z"),
        (date(2026, 8, 1), "2026-08-01"),
        (b"abc", "abc"),
        (b"\xff\x00", "ff00"),
        ({"a": Decimal("1.50")}, '{"a":"1.50"}'),
    ],
)
def test_values_of_drivers_become_exact_text(value: object, text: str | None) -> None:
    assert value_text(value) == text
