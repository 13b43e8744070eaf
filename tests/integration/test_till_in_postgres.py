"""The same tills in PostgreSQL, under other names and in its own types, give the same warehouse as in SQLite."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import psycopg

from bench.postgres_cluster import Cluster
from ingestion.demo import Company
from tests.integration.conftest import Home, differences

NAMES = {"stores": "filiale", "members": "kunde", "receipts": "Bon", "receipt_lines": "position"}
# The till's own words; a column that is not named here is called as in SQLite.
MAPPING = """\
tables:
  stores:
    from: kasse.filiale
    change_column: null
    columns: {store_id: nr, name: store_name}
  members:
    from: kasse.kunde
    change_column: changed
    columns: {member_no: nr}
  receipts:
    from: kasse.Bon
    change_column: changed
    columns:
      receipt_id: nr
      kind: {from: typ, values: {V: sale, R: return}}
  receipt_lines:
    from: kasse.position
    change_column: {sql: 'select b.changed from kasse."Bon" as b where b.nr = position.bon_nr'}
    leave_out: [own_change]
    columns: {receipt_id: bon_nr}
"""
RENAMED = {
    "stores": {"store_id": "nr", "name": "store_name", "updated_at": "other"},
    "members": {"member_no": "nr", "updated_at": "changed"},
    "receipts": {"receipt_id": "nr", "kind": "typ", "updated_at": "changed"},
    "receipt_lines": {"receipt_id": "bon_nr", "updated_at": "own_change"},
}
NATIVE = {
    "members": {"joined_at": "timestamptz", "changed": "timestamptz", "consent_sms": "boolean", "birth_date": "date"},
    "receipts": {"sold_at": "timestamptz", "changed": "timestamptz", "total_amount": "numeric"},
    "receipt_lines": {"line_no": "integer", "quantity": "numeric(12, 3)", "unit_price": "numeric"},
}


def copy_tills(source: Path, cluster: Cluster) -> None:
    """The SQLite tills into PostgreSQL, each column in a type of its own wherever all its values allow it."""
    native = 0
    with closing(sqlite3.connect(source)) as tills, cluster.connect() as target:
        target.execute("drop schema if exists kasse cascade")
        target.execute("create schema kasse")
        for table, name in NAMES.items():
            rows = tills.execute(f"select * from {table}")
            columns = [RENAMED[table].get(column[0], column[0]) for column in rows.description]
            listed = ", ".join(f"{column} text" for column in columns)
            target.execute(f'create table kasse."{name}" ({listed})')
            with target.cursor().copy(f'copy kasse."{name}" from stdin') as copy:
                for row in rows:
                    copy.write_row(row)
            for column, kind in NATIVE.get(table, {}).items():
                try:
                    target.execute(f'alter table kasse."{name}" alter {column} type {kind} using {column}::{kind}')
                    native += 1
                except psycopg.DataError:
                    pass  # A till with a broken value in this column keeps it as text.
        words = "case typ when 'sale' then 'V' when 'return' then 'R' else typ end"
        target.execute(f'update kasse."Bon" set typ = {words}')
    assert native > 5


def test_tills_in_postgresql_give_the_warehouse_of_the_tills_in_sqlite(
    make_home: Callable[..., Home], postgres: Cluster, tmp_path: Path
) -> None:
    company = Company(tmp_path / "company", persons=60, seed=3)
    homes = {
        "sqlite": make_home("sqlite", SOURCES__POS__DATABASE_URL=f"sqlite:///{company.tills.path}"),
        "postgresql": make_home("postgresql", SOURCES__POS__DATABASE_URL=postgres.url()),
    }
    mappings = homes["postgresql"].path / "mappings"
    mappings.mkdir(parents=True)
    (mappings / "pos.yml").write_text(MAPPING)
    for night in (1, 2):
        company.advance(night)
        copy_tills(company.tills.path, postgres)
        for home in homes.values():
            shutil.copytree(company.landing / "fx_rates", home.path / "landing" / "fx_rates", dirs_exist_ok=True)
            outcome = home.run(OMNIHOUSE_DEMO="0", OMNIHOUSE_AS_OF=company.as_of(night).isoformat())
            assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        sqlite, postgresql = (home.tables() for home in homes.values())
        assert len(sqlite["orders"]) > 20
        assert not differences(sqlite, postgresql)
        assert homes["postgresql"].query("select count(*) from marts.stores where store_name is null") == [(0,)]
    pulls = homes["postgresql"].query(
        "select source_table, rows_landed, cursor_from is not null from ops.loads"
        " where source_system = 'pos' order by load_id desc limit 4"
    )
    landed = {table: (rows, followed) for table, rows, followed in pulls}
    assert landed["stores"] == (0, False)
    assert 0 < landed["receipts"][0] < len(sqlite["orders"])
    assert landed["receipts"][1]
    assert landed["receipt_lines"][1]


def test_a_till_that_lets_nobody_in_is_one_message_and_exit_code_1(
    make_home: Callable[..., Home], postgres: Cluster
) -> None:
    home = make_home("locked-out", SOURCES__POS__DATABASE_URL=postgres.url(password="wrong-pass-word"))
    outcome = home.run(OMNIHOUSE_DEMO="0", OMNIHOUSE_AS_OF=datetime(2026, 7, 2).astimezone().isoformat())
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode == 1, said
    assert "check user and password in SOURCES__POS__DATABASE_URL" in " ".join(said.split())
    assert "wrong-pass-word" not in said
    assert "Traceback" not in said


def test_a_wrong_mapping_of_a_till_is_refused_before_anything_runs(
    make_home: Callable[..., Home], postgres: Cluster
) -> None:
    home = make_home("wrong-mapping", SOURCES__POS__DATABASE_URL=postgres.url())
    (home.path / "mappings").mkdir(parents=True)
    (home.path / "mappings" / "pos.yml").write_text("tables:\n  receipts:\n    columns: {total: x}\n")
    outcome = home.run(OMNIHOUSE_DEMO="0")
    assert outcome.returncode == 2, outcome.stdout + outcome.stderr
    said = " ".join((outcome.stdout + outcome.stderr).split())
    assert "pos.yml, line 3, tables.receipts.columns.total: no column of receipts" in said
    assert not (home.path / "lake" / "_ledger").exists()
