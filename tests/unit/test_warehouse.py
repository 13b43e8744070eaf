"""When the warehouse may be carried on, and when it is built anew."""

import datetime as dt
import shutil

import pyarrow as pa
import pytest

from dagster_project.config import PROJECT, House
from dagster_project.decisions import Decisions, Publication
from dagster_project.run_inputs import DESCRIPTIONS, write_run_inputs
from dagster_project.warehouse import carry_on, connect, fingerprint, seal


@pytest.fixture
def house(tmp_path):
    found = House(home=tmp_path)
    found.settle(demo=True)
    return found


def test_a_new_warehouse_is_carried_on_and_left_overs_go(house):
    assert carry_on(house, "f1", []) == "it is new"
    with connect(house) as warehouse:
        warehouse.execute("create table marts.orders__dbt_tmp as select 1 as x")
        warehouse.execute("create table marts.orders as select 1 as x")
    assert carry_on(house, "f1", []) is None
    with connect(house) as warehouse:
        tables = warehouse.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    assert tables == [("orders",)]


def test_changed_rules_or_a_withdrawn_load_or_a_broken_file_ask_for_a_new_one(house):
    carry_on(house, "f1", [])
    assert "changed" in carry_on(house, "f2", [])
    with connect(house) as warehouse:
        warehouse.execute("create table staging._processed_loads as select 'm' as model, 'load1' as load_id")
    assert carry_on(house, "f2", ["load1"]) is None
    assert "withdrawn" in carry_on(house, "f2", [])
    house.warehouse.write_bytes(b"not a database" * 1000)
    assert "cannot be read" in carry_on(house, "f2", [])


def test_a_byte_that_changed_since_the_last_run_asks_for_a_new_one(house):
    """DuckDB would see it only once it reads that block, in the middle of a night."""
    carry_on(house, "f1", [])
    with connect(house) as warehouse:
        warehouse.execute("create table marts.orders as select range as x from range(100000)")
    seal(house)
    assert carry_on(house, "f1", []) is None
    # Killed: what DuckDB committed meanwhile is gone on with.
    with connect(house) as warehouse:
        warehouse.execute("create table marts.refunds as select 1 as x")
    assert carry_on(house, "f1", []) is None
    seal(house)
    content = bytearray(house.warehouse.read_bytes())
    content[len(content) // 2] ^= 1
    house.warehouse.write_bytes(content)
    assert "other bytes" in carry_on(house, "f1", [])
    assert carry_on(house, "f1", []) is None


def test_a_warehouse_of_a_later_time_asks_for_a_new_one(house):
    """What had come by then would stay, and a fresh build would not have it."""
    tonight = dt.datetime(2026, 7, 1, 18, tzinfo=dt.UTC)
    carry_on(house, "f1", [], tonight)
    with connect(house) as warehouse:
        warehouse.execute("create table ops.run_parameters as select $1::timestamptz as as_of", [tonight])
    assert carry_on(house, "f1", [], tonight + dt.timedelta(days=1)) is None
    assert carry_on(house, "f1", [], tonight) is None
    assert "2026-07-01 18:00, later than" in carry_on(house, "f1", [], tonight - dt.timedelta(minutes=1))


def test_run_inputs_without_and_with_decisions(house):
    carry_on(house, "f1", [])
    as_of = dt.datetime(2026, 7, 1, 18, tzinfo=dt.UTC)
    decisions = Decisions(house.lake)

    def write(warehouse):
        write_run_inputs(
            warehouse,
            run_id="r",
            night=3,
            as_of=as_of,
            as_of_date=dt.date(2026, 7, 1),
            decisions=decisions,
            seeds=PROJECT / "seeds",
            retrain=True,
        )

    with connect(house) as warehouse:
        write(warehouse)
        for table in set(DESCRIPTIONS) - {"run_parameters"}:
            assert warehouse.execute(f"select count(*) from ops.{table}").fetchone() == (0,)
        # As a publication of an older version wrote it, without all of today's columns.
        decisions.write_table("identity", "old", pa.table({"record_key": ["a"], "customer_id": ["c"], "night": [1]}))
        decisions.add_publication(Publication("old", 1, 1, "2026-07-01", "2026-07-01"))
        write(warehouse)
        assert warehouse.execute("select customer_id, night, is_anonymous from ops.identity_decisions").fetchall() == [
            ("c", 1, None)
        ]
        assert warehouse.execute("select as_of, retrain, accept_restatement from ops.run_parameters").fetchall() == [
            (as_of, True, False)
        ]


def test_a_line_of_consents_is_no_reason_to_build_everything_anew(tmp_path):
    house, seeds = House(tmp_path / "home"), tmp_path / "seeds"
    shutil.copytree(PROJECT / "seeds", seeds)
    before = fingerprint(house, seeds)
    for name in ("consents.csv", "suppressions.csv", "contact_policy.csv", "audiences.csv"):
        (seeds / name).write_text("changed")
        assert fingerprint(house, seeds) == before
    (seeds / "channels.csv").write_text("changed")
    assert fingerprint(house, seeds) != before
