"""A release becomes visible in one rename, readers of the old one go on, and a crash leaves nothing half done."""

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime

import duckdb
import pytest

from dagster_project import release
from dagster_project.config import House
from dagster_project.decisions import Decisions
from dagster_project.lock import AlreadyRunning, HomeLock
from dagster_project.night import Night


@pytest.fixture
def house(tmp_path):
    found = House(home=tmp_path)
    found.settle(demo=True)
    with duckdb.connect(str(found.warehouse)) as warehouse:
        warehouse.execute("create schema marts; create schema ops; create schema restricted")
        warehouse.execute("create table marts.customers as select 1 as customer_id, 10.00::decimal(18,2) as net")
        warehouse.execute("comment on table marts.customers is 'one person''s row'")
        warehouse.execute("create table ops.run_parameters as select 1 as night")
        warehouse.execute("create table restricted.customer_contacts as select 'a@b.c' as email")
    return found


def publish(house, run_id, number):
    night = Night(house, run_id, "next", number, number, datetime(2026, 7, number, tzinfo=UTC), True)
    with duckdb.connect(str(house.warehouse)) as warehouse:
        warehouse.execute("update marts.customers set net = ?", [number])
        rows = release.build(night, warehouse, {"marts.customers": release.Description("one row", {"net": "money"})})
    release.seal(night, rows, night.publication({}))
    release.make_current(house, run_id)
    return night


def net(path):
    with duckdb.connect(str(path), read_only=True) as reader:
        return reader.execute("select net from marts.customers").fetchone()[0]


def test_what_a_release_holds(house):
    publish(house, "run1", 1)
    file = house.published / "omnihouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as reader:
        assert reader.execute("select comment from duckdb_tables() where table_name = 'customers'").fetchone() == (
            "one person's row",
        )
        assert reader.execute("select comment from duckdb_columns() where column_name = 'net'").fetchone() == ("money",)
        tables = {name for (name,) in reader.execute("select table_name from duckdb_tables()").fetchall()}
    assert tables == {"customers"}
    assert (house.published / "parquet" / "marts.customers" / "part-0.parquet").exists()
    assert stat.S_IMODE((house.published / "current" / "restricted").stat().st_mode) == 0o700
    manifest = json.loads((house.published / "current" / "manifest.json").read_text())
    assert manifest["tables"] == {"marts.customers": 1}
    assert (manifest["run_id"], manifest["night"]) == ("run1", 1)
    assert manifest["versions"]["duckdb"] == duckdb.__version__
    assert manifest["files"]["omnihouse.duckdb"]["sha256"] == release.sha256(file)
    assert not list((house.published / "current").glob("*.wal"))


def test_a_reader_keeps_the_old_release_and_a_new_reader_sees_the_new_one(house):
    publish(house, "run1", 1)
    file = house.published / "omnihouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as old:
        publish(house, "run2", 2)
        assert old.execute("select net from marts.customers").fetchone()[0] == 1
        seen_elsewhere = subprocess.run(
            [sys.executable, "-c", f"import duckdb; print(duckdb.connect({str(file)!r}, read_only=True)"
             ".execute('select net from marts.customers').fetchone()[0])"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert seen_elsewhere.stdout.strip() == "2.00"
    assert net(file) == 2


def test_tables_that_hold_rows_of_a_stale_source_say_so(house):
    with duckdb.connect(str(house.warehouse)) as warehouse:
        warehouse.execute("alter table marts.customers add column source_systems text default 'shopify, zendesk'")
        warehouse.execute("create table marts.orders as select 'shopify' as source_system, 1 as order_id")
        warehouse.execute("create table marts.dates as select date '2026-07-01' as date")
        warehouse.execute(
            "create table ops.freshness as select 'zendesk' as source_system, 'stale' as status,"
            " timestamptz '2026-06-30 12:34:56+00' as last_record_at union all select 'shopify', 'fresh', null"
        )
    comments = "select table_name, comment from duckdb_tables() where schema_name = 'marts'"
    publish(house, "run1", 1)
    with duckdb.connect(str(house.published / "omnihouse.duckdb"), read_only=True) as reader:
        assert dict(reader.execute(comments).fetchall()) == {
            "customers": "one person's row STALE in this publication, and at the last good load: zendesk"
            " (up to 2026-06-30 12:34 UTC); see ops.freshness.",
            "orders": None,
            "dates": None,
        }
    with duckdb.connect(str(house.warehouse)) as warehouse:
        warehouse.execute("update ops.freshness set status = 'fresh'")
    publish(house, "run2", 2)
    with duckdb.connect(str(house.published / "omnihouse.duckdb"), read_only=True) as reader:
        assert dict(reader.execute(comments).fetchall())["customers"] == "one person's row"


def test_a_table_that_cannot_be_written_to_parquet_ends_the_run_and_the_next_one_publishes(house, monkeypatch):
    def full(cursor, table, file):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(release, "_write_parquet", full)
        with pytest.raises(OSError, match="No space left"):
            publish(house, "run1", 1)
    assert release.current(house) is None
    publish(house, "run2", 2)
    assert net(house.published / "omnihouse.duckdb") == 2


def test_a_crash_after_the_rename_is_noted_and_one_before_it_is_cleared(house):
    decisions = Decisions(house.lake)
    publish(house, "run1", 1)
    (house.published / "releases" / "run2").mkdir()
    release.recover(house, decisions)
    assert [entry.run_id for entry in decisions.publications()] == ["run1"]
    assert [folder.name for folder in (house.published / "releases").iterdir()] == ["run1"]


def test_rollback_finds_the_release_before_and_pruning_keeps_the_current(house):
    decisions = Decisions(house.lake)
    for number in (1, 2, 3):
        decisions.add_publication(publish(house, f"run{number}", number).publication({}))
    assert release.previous(house, decisions) == "run2"
    release.make_current(house, "run1")
    assert net(house.published / "omnihouse.duckdb") == 1
    assert release.previous(house, decisions) is None
    release.prune(House(home=house.home, releases_kept=1), decisions)
    assert {folder.name for folder in (house.published / "releases").iterdir()} == {"run1", "run3"}


def test_a_second_run_is_told_that_one_is_going_on(tmp_path):
    first, second = HomeLock(tmp_path), HomeLock(tmp_path)
    first.acquire()
    with pytest.raises(AlreadyRunning, match="already going on"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


@pytest.fixture(scope="session")
def oldest_reader(tmp_path_factory):
    """The oldest DuckDB that a BI tool may read with, in a folder of its own."""
    folder = tmp_path_factory.mktemp("duckdb_1_4")
    uv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
        "duckdb==1.4.*",
    ]
    try:
        installed = subprocess.run(uv, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("no package registry answers in time")
    if installed.returncode:
        pytest.skip(f"DuckDB 1.4 cannot be had here: {installed.stderr.strip()[-200:]}")
    return folder


def test_the_published_file_opens_in_duckdb_1_4(house, oldest_reader):
    publish(house, "run1", 1)
    file = house.published / "omnihouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as reader:
        assert reader.execute(
            "select tags['storage_version'] from duckdb_databases() where not internal"
        ).fetchall() == [(f"{release.STORAGE_VERSION}+",)]
    read = (
        f"import duckdb; reader = duckdb.connect({str(file)!r}, read_only=True);"
        "print(duckdb.__version__, reader.execute('select net from marts.customers').fetchone()[0],"
        " reader.execute(\"select comment from duckdb_tables() where table_name = 'customers'\").fetchone()[0])"
    )
    seen = subprocess.run(
        [sys.executable, "-c", read],
        env={"PYTHONPATH": str(oldest_reader), "HOME": str(house.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.startswith("1.4.")
    assert seen.stdout.split(maxsplit=1)[1] == "1.00 one person's row\n"
