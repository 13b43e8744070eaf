"""Tills in a real PostgreSQL server, started for the tests: exact text, rights, and everything that breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.postgres_cluster import Cluster
from ingestion import (
    BadDelivery,
    ConfigurationError,
    IngestionError,
    SourceUnavailable,
    sources,
    till_database,
)
from ingestion.till_tables import TABLES
from tests.unit.pulled import TillHome

POS = sources()["pos"]
NOW = datetime(2026, 8, 10, tzinfo=UTC)
SECRET = "till_S3cret"


class Till(TillHome):
    """A home on a database of its own in the shared server, read by a user who may only read."""

    def __init__(self, root: Path, cluster: Cluster, database: str) -> None:
        self.cluster, self.database, self.mappings = cluster, database, root / "mappings"
        self.mappings.mkdir()
        super().__init__(root, cluster.url(database, "reader", SECRET), NOW, [self.mappings])

    def execute(self, *statements: str) -> None:
        self.cluster.execute(*statements, database=self.database)

    def create(self, **replaced: str) -> None:
        kinds = {"updated_at": "timestamptz", "sold_at": "timestamptz", "total_amount": "numeric(18, 2)"}
        for table in TABLES:
            columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in table.columns)
            self.execute(f"create table {table.name} ({replaced.get(table.name, columns)})")
        self.execute("grant select on all tables in schema public to reader")

    def fill(self, receipts: int) -> None:
        self.execute(
            "insert into receipts (receipt_id, store_id, kind, sold_at, currency, total_amount, status, updated_at)"
            " select i, 'S', 'sale', t, 'EUR', 1, 'completed', t from (select i,"
            f" timestamptz '2026-08-01 00:00Z' + i * interval '1 second' t from generate_series(1, {receipts}) i) x"
        )


@pytest.fixture
def till(tmp_path: Path, postgres: Cluster) -> Iterator[Till]:
    name = f"till_{time.monotonic_ns()}"
    postgres.execute(
        f"create database {name}",
        "do $$ begin if not exists (select from pg_roles where rolname = 'reader') then"
        f" create role reader login password '{SECRET}'; end if; end $$",
    )
    yield Till(tmp_path, postgres, name)
    postgres.execute(f"drop database {name} with (force)", "alter role reader reset all")


def test_every_type_of_postgresql_becomes_its_exact_text(till: Till) -> None:
    till.execute(
        "create type size as enum ('small', 'large')",
        "create type place as (shelf integer, depth numeric)",
        "create domain price as numeric(30, 12)",
    )
    till.create(
        receipts="""receipt_id bigint, store_id smallint, kind varchar(9), sold_at timestamptz, currency char(5),
        total_amount numeric, discount_amount money, tax_amount price, rounding_amount double precision, status text,
        original_order_name uuid, customer_birth_date date, cashier size, register_no real, updated_at timestamp,
        flags boolean, more jsonb, raw json, tags text[], amounts numeric[], photo bytea, spot place, opened time,
        lasted interval, address inet, span int4range, empty text, "Odd %s :x" integer, at timestamp"""
    )
    till.execute(
        """insert into receipts values (9223372036854775807, 7, 'sale', '2026-08-01 10:00:00.123456+08', 'EUR',
        12345678901234567890.1200, 1234.50, 0.000000000001, 1e-7, 'ok', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
        '1990-02-28', 'large', 0.1, '2026-08-01 09:00:00.5', true, '{"b": 1.10, "a": [null]}', '{"b":1.10}',
        array['x', 'a,"b"', null], array[1.10, 2], '\\xff00', row(1, 2.50), '10:00', '1 day 02:00', '10.0.0.1', '[1,5)',
        '', 5, '2026-08-01 09:00:00')"""
    )
    till.pull()
    assert till.read("select * exclude (_extra, _row_number, _load_id, _file_name) from raw_pos.receipts") == [
        ("9223372036854775807", None, "7", "0.1", "sale", "2026-08-01T02:00:00.123456Z", "EUR", None, None, None, None,
         "1990-02-28", "12345678901234567890.1200", "1234.50", "0.000000000001", "1e-07", None, None,
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "ok", "large", "2026-08-01T09:00:00.5Z"),
    ]  # fmt: skip
    assert till.read(
        """select _extra->>'flags', _extra->>'more', _extra->>'raw', _extra->>'tags', _extra->>'amounts',
        _extra->>'photo', _extra->>'spot', _extra->>'opened', _extra->>'lasted', _extra->>'address', _extra->>'span',
        _extra->>'empty', _extra->>'Odd %s :x', _extra->>'at' from raw_pos.receipts"""
    ) == [
        ("true", '{"a": [null], "b": 1.10}', '{"b":1.10}', '["x","a,\\"b\\"",null]', "[1.10,2]", "ff00",
         "(1,2.50)", "10:00:00", "1 day 02:00:00", "10.0.0.1/32", "[1,5)", "", "5", "2026-08-01T09:00:00Z"),
    ]  # fmt: skip


def test_a_million_of_years_and_infinity_are_left_for_the_quarantine(till: Till) -> None:
    till.create()
    till.execute(
        "insert into members (member_no, joined_at, updated_at)"
        " values ('1', 'x', 'infinity'), ('2', 'y', '20000-01-01Z')"
    )
    till.pull()
    assert till.read("select updated_at from raw_pos.members order by member_no") == [
        ("infinity",), ("20000-01-01T00:00:00Z",)
    ]  # fmt: skip


def test_a_till_with_a_schema_and_names_of_its_own(till: Till) -> None:
    till.execute(
        "create schema kasse",
        "create table kasse.filiale (nr integer, geaendert timestamp)",
        """create table kasse."Bon" (nr integer, filiale integer, typ char(1), zeit timestamp, betrag numeric(9, 2),
        storno boolean, geaendert timestamp)""",
        "create table kasse.pos (bon integer, zeile smallint, menge numeric(9, 3), preis numeric(9, 2))",
        "insert into kasse.filiale values (1, '2026-01-01')",
        """insert into kasse."Bon" values (1, 1, 'V', '2026-07-01 10:00', 19.98, false, '2026-07-01 10:00'),
        (2, 1, 'R', '2026-08-05 10:00', -9.99, false, '2026-08-05 10:00')""",
        "insert into kasse.pos values (1, 1, 2, 9.99), (2, 1, 1, 9.99)",
        "grant usage on schema kasse to reader",
        "grant select on all tables in schema kasse to reader",
    )
    (till.mappings / "pos.yml").write_text(
        """
timezone: Europe/Berlin
tables:
  stores:
    from: kasse.filiale
    change_column: geaendert
    columns: {store_id: nr, timezone: {value: Europe/Berlin}, currency: {value: EUR}}
  members: {rows: []}
  receipts:
    from: kasse.Bon
    where: "typ::text like '%' and typ in ('V', 'R')"
    change_column: geaendert
    columns:
      receipt_id: nr
      store_id: filiale
      kind: {from: typ, values: {V: sale, R: return}}
      sold_at: zeit
      currency: {value: EUR}
      total_amount: {sql: "abs(betrag)::numeric(9, 2)"}
      status: {from: storno, values: {"true": voided, "false": completed}}
  receipt_lines:
    from: kasse.pos
    change_column: {sql: 'select b.geaendert from kasse."Bon" b where b.nr = pos.bon'}
    columns: {receipt_id: bon, line_no: zeile, quantity: menge, unit_price: preis}
"""
    )
    till.pull()
    assert till.read("select receipt_id, kind, sold_at, total_amount, status, updated_at from raw_pos.receipts") == [
        ("1", "sale", "2026-07-01T08:00:00Z", "19.98", "completed", "2026-07-01T08:00:00Z"),
        ("2", "return", "2026-08-05T08:00:00Z", "9.99", "completed", "2026-08-05T08:00:00Z"),
    ]
    assert till.read("select * exclude (_extra, _row_number, _load_id, _file_name) from raw_pos.receipt_lines") == [
        ("1", "1", None, None, None, "2.000", "9.99", None, None, "2026-07-01T08:00:00Z"),
        ("2", "1", None, None, None, "1.000", "9.99", None, None, "2026-08-05T08:00:00Z"),
    ]
    report = till.pull()
    assert {name: table.rows_landed for name, table in report.tables.items()} == {
        "stores": 1, "members": 0, "receipts": 1, "receipt_lines": 1,
    }  # fmt: skip
    assert report.tables["receipts"].cursor_from == "2026-08-03T08:00:00Z"


def test_nothing_can_be_written_through_the_pull(till: Till) -> None:
    till.create()
    till.execute("grant all on all tables in schema public to reader")
    (till.mappings / "pos.yml").write_text("tables: {stores: {where: \"nextval('s') > 0\"}}")
    till.execute("create sequence s", "grant all on s to reader", "insert into stores (store_id) values ('1')")
    with pytest.raises(SourceUnavailable, match="read-only transaction"):
        till.pull()


def refusal(till: Till) -> IngestionError:
    with pytest.raises(IngestionError) as caught:
        till.pull()
    for text in (str(caught.value), repr(caught.value)):
        assert SECRET not in text
        assert "\n" not in text
    return caught.value


@pytest.mark.parametrize(
    ("prepare", "url", "kind", "words"),
    [
        ("", ("reader", "wrong_pass_word"), ConfigurationError, "check user and password"),
        ("", ("nobody_here", SECRET), ConfigurationError, "check user and password"),
        ("revoke connect on database {database} from public", None, ConfigurationError, "grant it SELECT"),
        ("revoke select on receipt_lines from reader", None, ConfigurationError, "grant it SELECT"),
        ("alter table members rename to people", None, BadDelivery, "has no table members"),
        ("alter table receipts drop column kind", None, BadDelivery, "table receipts has no column kind"),
        ("alter role reader set statement_timeout = 1", None, SourceUnavailable, "statement_timeout"),
        ("alter role reader nologin", None, ConfigurationError, "check user and password"),
        ("alter role reader login connection limit 0", None, SourceUnavailable, "too many connections"),
    ],
)
def test_each_refusal_is_one_clear_message(
    till: Till, prepare: str, url: tuple[str, str] | None, kind: type[Exception], words: str
) -> None:
    till.create()
    till.fill(50_000)
    if prepare:
        till.execute(prepare.format(database=till.database))
    if url:
        till.url = till.cluster.url(till.database, *url)
    try:
        problem = refusal(till)
    finally:
        till.execute("alter role reader login connection limit -1")
    assert type(problem) is kind, problem
    assert words in str(problem)
    assert "wrong_pass_word" not in str(problem)


def test_a_database_that_is_not_there_and_a_port_where_nobody_listens(till: Till) -> None:
    till.url = till.cluster.url("no_such_database", "reader", SECRET)
    assert "Check the database's name" in str(refusal(till))
    till.url = f"postgresql://reader:{SECRET}@127.0.0.1:9/x?application_name={SECRET}"
    problem = refusal(till)
    assert isinstance(problem, SourceUnavailable)
    assert "Check that it is up" in str(problem)


def test_a_locked_table_is_waited_for_and_no_longer(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.create()
    monkeypatch.setattr(till_database, "_POSTGRES_SESSION", ("set lock_timeout to '200ms'",))
    with till.cluster.connect(till.database) as other, other.transaction():
        other.execute("lock table receipts in access exclusive mode")
        assert "holds the table" in str(refusal(till))


class Interrupted:
    """Calls something once, when the first batch of receipts has been read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
        monkeypatch.setattr(till_database, "_BATCH_ROWS", 1000)
        original = till_database.TillDatabase._text_batch
        self.done = False

        def batch(database: till_database.TillDatabase, *arguments: object) -> object:
            if not self.done:
                self.done = True
                deed()
            return original(database, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(till_database.TillDatabase, "_text_batch", batch)


def nothing_landed(till: Till) -> bool:
    return not till.ledger.read() and till.read("select count(*) from raw_pos.receipts") == [(0,)]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_restarts_while_it_is_read_loses_nothing(
    till: Till, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    till.create()
    till.fill(20_000)

    def restart() -> None:
        till.cluster.stop(mode)
        till.cluster.start()

    cut = Interrupted(monkeypatch, restart)
    problem = refusal(till)
    assert cut.done
    assert isinstance(problem, SourceUnavailable)
    assert "receipts" in str(problem)
    assert nothing_landed(till)
    assert till.pull().tables["receipts"].rows_landed == 20_000


def test_a_session_that_is_ended_by_an_administrator(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.create()
    till.fill(20_000)
    end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'"
    Interrupted(monkeypatch, lambda: till.execute(end))
    assert "administrator" in str(refusal(till))
    assert nothing_landed(till)


def test_a_table_that_vanishes_before_its_turn(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.create()
    till.fill(20_000)
    Interrupted(monkeypatch, lambda: till.execute("drop table receipt_lines"))
    problem = refusal(till)
    assert "receipt_lines" in str(problem)
    assert nothing_landed(till)


def test_a_table_dropped_while_it_is_read_waits_for_the_reader(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.create()
    till.fill(20_000)
    dropping = threading.Thread(target=till.execute, args=("drop table receipts",))
    Interrupted(monkeypatch, dropping.start)
    assert till.pull().tables["receipts"].rows_landed == 20_000
    dropping.join(30)


def test_rows_sold_while_the_tables_are_read_come_with_the_next_pull(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.create()
    till.fill(2_000)
    sold = (
        "insert into receipts (receipt_id, store_id, kind, currency, status, updated_at)"
        " values ('late', 'S', 'sale', 'EUR', 'completed', '2026-08-05Z')",
        "insert into receipt_lines (receipt_id, line_no, quantity, unit_price, updated_at)"
        " values ('late', '1', '1', '1', '2026-08-05Z')",
    )
    Interrupted(monkeypatch, lambda: till.execute(*sold))
    report = till.pull()
    assert (report.tables["receipts"].rows_landed, report.tables["receipt_lines"].rows_landed) == (2_000, 0)
    monkeypatch.undo()
    till.pull()
    assert till.read("select count(*) from raw_pos.receipts where receipt_id = 'late'") == [(1,)]
    assert till.read("select count(*) from raw_pos.receipt_lines where receipt_id = 'late'") == [(1,)]


def test_a_server_that_says_nothing_any_more_is_given_up(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.create()
    (till.mappings / "pos.yml").write_text("tables: {stores: {where: 'pg_sleep(30) is not null'}}")
    till.execute("insert into stores (store_id) values ('1')")
    monkeypatch.setattr(till_database, "_SILENCE_SECONDS", 0.5)
    begun = time.monotonic()
    assert isinstance(refusal(till), SourceUnavailable)
    assert time.monotonic() - begun < 60


def test_text_that_is_not_unicode(till: Till) -> None:
    name = f"{till.database}_raw"
    till.cluster.execute(f"create database {name} encoding 'SQL_ASCII' template template0")
    till.database, till.url = name, till.cluster.url(name, "reader", SECRET)
    till.create()
    till.execute("insert into stores (store_id, name) values ('1', E'M\\xfcnchen')")
    try:
        till.pull()
        assert till.read("select name from raw_pos.stores") == [("M\ufffdnchen",)]
    finally:
        till.cluster.execute(f"drop database {name} with (force)")
