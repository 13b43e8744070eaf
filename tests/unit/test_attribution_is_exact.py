"""The gate on attribution sees every way in which an order may be given away wrongly."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from bench.rendered import DBT
from tests.unit.compiled_models import compiled

MODELS = ["first", "last", "last_non_direct", "linear", "time_decay", "position_based", "markov", "shapley"]
GATE = compiled((DBT / "tests" / "attribution_is_exact.sql").read_text(), "attribution")


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """An order of two touches, one of none, one without a rate, and one that is not valid."""
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.orders as select * from (values ('shared', 10.01::decimal(18, 3), true),"
            " ('alone', -5, true), ('no rate', null, true), ('cancelled', 7, false))"
            " as orders (order_id, net_amount_reporting, is_valid)"
        )
        connection.execute(
            "create table marts.attribution (order_id text, model text, credit decimal(18, 12),"
            " revenue_reporting decimal(18, 3), occurred_at timestamptz)"
        )
        for model in MODELS:
            connection.execute(
                "insert into marts.attribution values"
                " ('shared', $1, 0.333333333333, 3.34, '2026-01-01'),"
                " ('shared', $1, 0.666666666667, 6.67, '2026-01-02'),"
                " ('alone', $1, 1, -5, null), ('no rate', $1, 1, null, null)",
                [model],
            )
        yield connection


def failing(warehouse: duckdb.DuckDBPyConnection) -> list[str]:
    return [order for (order,) in warehouse.execute(f"{GATE} order by 1").fetchall()]


def test_what_is_whole_passes(warehouse: duckdb.DuckDBPyConnection):
    assert failing(warehouse) == []


@pytest.mark.parametrize(
    ("fault", "order"),
    [
        ("delete from marts.attribution where order_id = 'alone'", "alone"),
        ("delete from marts.attribution where order_id = 'alone' and model = 'markov'", "alone"),
        ("update marts.attribution set model = 'guess' where order_id = 'alone' and model = 'last'", "alone"),
        ("update marts.attribution set model = 'first' where order_id = 'alone' and model = 'last'", "alone"),
        ("insert into marts.attribution values ('alone', 'guess', 1, -5, null)", "alone"),
        ("insert into marts.attribution values ('cancelled', 'last', 1, 7, null)", "cancelled"),
        ("update marts.attribution set credit = 0.9 where order_id = 'alone' and model = 'last'", "alone"),
        ("update marts.attribution set credit = 0.3 where credit < 0.5 and model = 'last'", "shared"),
        ("update marts.attribution set revenue_reporting = -4.99 where order_id = 'alone' and model = 'last'", "alone"),
        ("update marts.attribution set revenue_reporting = 6.66 where credit between 0.5 and 0.9 and model = 'last'",
         "shared"),
        ("update marts.attribution set revenue_reporting = null where order_id = 'alone' and model = 'last'", "alone"),
        ("update marts.attribution set revenue_reporting = 0 where order_id = 'no rate' and model = 'last'", "no rate"),
        ("update marts.attribution set occurred_at = null where credit < 0.5 and model = 'last'", "shared"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_told(warehouse: duckdb.DuckDBPyConnection, fault: str, order: str):
    warehouse.execute(fault)
    assert failing(warehouse) == [order]
