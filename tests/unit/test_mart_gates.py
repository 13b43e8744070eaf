"""What the gate on the marts is told beside the tables themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

import expectations
from dagster_project import release
from dagster_project.config import House
from dagster_project.defs.quality import FED_BY, SUITE, matched_before
from dagster_project.night import Night
from expectations.suites import load_suite

NOW = datetime(2026, 7, 2, tzinfo=UTC)


def test_of_every_gated_mart_it_is_said_what_feeds_it():
    """One that is not named is expected to have rows, and a company that has just begun has none of many."""
    assert set(load_suite(SUITE).tables) == set(FED_BY)


def published(home: Path, rows: int) -> House:
    """A home that published so many orders of a shop, four of five with a customer, each with two records."""
    house = House(home=home)
    house.settle(demo=True)
    night = Night(house, "run1", "next", 1, 1, NOW, True)
    with duckdb.connect(str(house.warehouse)) as warehouse:
        warehouse.execute("create schema marts; create schema ops; create schema restricted")
        warehouse.execute("create table ops.loads (load_id text, admitted boolean)")
        warehouse.execute(
            "create table marts.orders as select 'shop' as source_system, 'o' || i as order_id,"
            " case when i % 5 > 0 then 'c' || i end as customer_id, timestamptz '2026-07-01 00:00:00+00' as ordered_at"
            f" from range({rows}) as numbers (i)"
        )
        warehouse.execute(
            "create table marts.customer_identities as select 'shop' as source_system, 'c' || (i // 2) as customer_id"
            f" from range({rows}) as numbers (i)"
        )
        counted = release.build(night, warehouse, {})
    release.seal(night, counted, night.publication({}))
    release.make_current(house, "run1")
    return house


def failing(house: House, accepted: bool = False) -> set[tuple[str, str]]:
    """Tables and severities of the comparisons with the last publication that are not met."""
    parameters = {"as_of": NOW, **({} if accepted else matched_before(house))}
    return {
        (result.table_name, result.severity)
        for result in expectations.check_marts(house.warehouse, parameters)
        if "previous" in result.why or "last publication the share" in result.why or "stitching joins" in result.why
        if not result.success
    }


@pytest.fixture
def house(tmp_path: Path) -> House:
    return published(tmp_path, 2000)


def change(house: House, sql: str) -> None:
    with duckdb.connect(str(house.warehouse)) as warehouse:
        warehouse.execute(sql)


def test_a_night_like_the_last_passes(house: House):
    assert matched_before(house)["previous_customer_share"] == 0.8
    assert failing(house) == set()


def test_orders_that_lose_their_customers_hold_the_publication_back(house: House):
    change(house, "update marts.orders set customer_id = null where order_id like '%1'")
    assert failing(house) == {("orders", "block")}
    assert failing(house, accepted=True) == set()


def test_a_source_of_tonight_and_orders_since_are_not_held_against_the_match_rate(house: House):
    new = "insert into marts.orders select {}, 'n' || i, null, {} from range(2000) as numbers (i)"
    change(house, new.format("'till'", "timestamptz '2026-07-01 00:00:00+00'"))
    change(house, new.format("'shop'", "timestamptz '2026-07-02 01:00:00+00'"))
    assert failing(house) == set()


def test_records_that_are_joined_as_never_before_warn(house: House):
    change(house, "update marts.customer_identities set customer_id = 'c1' where customer_id like '%2'")
    assert failing(house) == set()
    change(house, "update marts.customer_identities set customer_id = 'c1' where customer_id like '%3'")
    assert failing(house) == {("customer_identities", "warn")}


def test_a_company_that_has_just_begun_is_not_compared(tmp_path: Path):
    house = published(tmp_path, 999)
    assert matched_before(house) == {}
    assert matched_before(House(home=tmp_path / "new")) == {}
