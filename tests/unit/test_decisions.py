"""Decisions count only when their run was published, and survive a crash at any step."""

import datetime as dt
import stat

import duckdb
import pytest

from dagster_project.decisions import Decisions, Publication


def publication(run_id, night=1):
    return Publication(run_id, night, night, "2026-07-01T00:00:00+00:00", "2026-07-01T00:05:00+00:00")


@pytest.fixture
def warehouse():
    connection = duckdb.connect()
    connection.execute("create schema intermediate; create schema ops; set TimeZone = 'UTC'")
    connection.execute(
        "create table ops.identity_decisions(record_key text, customer_id text, anchor_record_key text, night int,"
        " linked_at timestamptz)"
    )
    connection.execute(
        "create table intermediate.int_identity__members as select * from (values"
        " ('a/1', 'c_1', 'a/1', timestamptz '2026-07-01'), ('b/1', 'c_1', 'a/1', timestamptz '2026-07-01'))"
        " as rows (record_key, customer_id, anchor_record_key, linked_at)"
    )
    yield connection
    connection.close()


def test_the_key_of_a_home_is_made_once_and_private(tmp_path):
    key = Decisions(tmp_path).home_key()
    assert len(key) == 32
    assert Decisions(tmp_path).home_key() == key
    assert stat.S_IMODE((tmp_path / "_decisions" / "home_key").stat().st_mode) == 0o600


def test_a_torn_last_line_is_no_publication_and_is_overwritten(tmp_path):
    decisions = Decisions(tmp_path)
    decisions.add_publication(publication("run1"))
    with open(tmp_path / "_decisions" / "publications.jsonl", "a") as handle:
        handle.write('{"run_id": "torn')
    assert [entry.run_id for entry in decisions.publications()] == ["run1"]
    decisions.add_publication(publication("run2", 2))
    assert [entry.run_id for entry in decisions.publications()] == ["run1", "run2"]


def test_only_new_or_moved_records_are_decided(tmp_path, warehouse):
    decisions = Decisions(tmp_path)
    assert decisions.write_identity(warehouse, "run1", 1) == 2
    warehouse.execute(
        "insert into ops.identity_decisions values ('a/1', 'c_1', 'a/1', 1, timestamptz '2026-07-01'),"
        " ('b/1', 'c_9', 'b/1', 1, timestamptz '2026-07-01')"
    )
    assert decisions.write_identity(warehouse, "run2", 2) == 1


def test_decisions_of_a_run_that_was_not_published_are_dropped(tmp_path, warehouse):
    decisions = Decisions(tmp_path)
    decisions.write_identity(warehouse, "run1", 1)
    assert decisions.identity_files() == []
    assert decisions.drop_unpublished() == ["run1"]
    decisions.write_identity(warehouse, "run2", 1)
    decisions.add_publication(publication("run2"))
    assert decisions.drop_unpublished() == []
    rows = duckdb.connect().execute(
        "select record_key, night, linked_at from read_parquet($1) order by all",
        [[str(file) for file in decisions.identity_files()]],
    )
    assert rows.fetchone()[:2] == ("a/1", 1)
    assert rows.fetchone()[2].astimezone(dt.UTC) == dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
