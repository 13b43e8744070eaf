"""What may be left alone tonight: what stands for sources without a row and is empty, and rules that are loaded."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from dagster_project import idle


def model(schema: str, *parents: str, kind: str = "model") -> dict[str, Any]:
    return {"resource_type": kind, "schema": schema, "depends_on": {"nodes": list(parents)}}


NODES = {
    "words": model("seeds", kind="seed"),
    "base": model("staging", "raw", "words"),
    "stg": model("staging", "base", "now"),
    "both": model("staging", "raw", "other"),
    "spine": model("staging", "now", "words"),
    "waiting": model("quarantine", "stg"),
    "orders": model("marts", "stg"),
    "alone": model("tests", "stg", kind="test"),
    "between": model("tests", "stg", "orders", kind="test"),
    "of nothing": model("tests", kind="test"),
}
MANIFEST = {
    "nodes": {name: {**node, "name": name} for name, node in NODES.items()},
    "sources": {
        name: {"schema": schema, "name": name} for name, schema in (("raw", "r"), ("other", "r"), ("now", "ops"))
    },
}


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        for schema in ("staging", "quarantine", "marts"):
            connection.execute(f"create schema {schema}")
        connection.execute("create view staging.base as select 1 as id where false")
        for table in ("staging.stg", "staging.both", "staging.spine", "quarantine.waiting", "marts.orders"):
            connection.execute(f"create table {table} (id integer)")
        yield connection


def nodes(warehouse: duckdb.DuckDBPyConnection, **raw_rows: int) -> set[str]:
    return idle.nodes(MANIFEST, {("r", name): rows for name, rows in raw_rows.items()}, warehouse)


def test_what_stands_for_an_empty_source_alone_is_left_alone(warehouse):
    assert nodes(warehouse, raw=0, other=3) == {"base", "stg", "waiting", "alone"}
    assert nodes(warehouse, raw=0, other=0) == {"base", "stg", "both", "waiting", "alone"}


def test_a_row_in_the_source_or_none_counted_is_work(warehouse):
    assert nodes(warehouse, raw=1, other=0) == set()
    assert nodes(warehouse) == set()


def test_what_is_not_built_yet_or_still_holds_a_row_is_work_and_so_is_what_reads_it(warehouse):
    warehouse.execute("insert into staging.stg values (1)")
    assert nodes(warehouse, raw=0, other=3) == {"base"}
    warehouse.execute("delete from staging.stg; drop view staging.base")
    assert nodes(warehouse, raw=0, other=3) == set()


def test_a_seed_whose_table_is_there_is_left_alone_and_its_tests_are_not(warehouse):
    assert idle.seeds(MANIFEST, warehouse) == set()
    warehouse.execute("create schema seeds; create table seeds.words (word text); create table seeds.gone (word text)")
    warehouse.execute("create table staging.words (word text)")
    assert idle.seeds(MANIFEST, warehouse) == {"words"}
