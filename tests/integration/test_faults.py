"""Whole nights on systems that misbehave: the same warehouse as without, or one clear refusal and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.conftest import Home, differences

SIZE = {"DEMO_PERSONS": "60", "DEMO_SEED": "7"}
MONEY = "select source_system, source_order_id, status, net_amount, refund_amount from marts.orders order by all"


@pytest.fixture(scope="module")
def company_of(make_home: Callable[..., Home]) -> Callable[[str], Home]:
    """A demo company in a home of its own."""
    return lambda name: make_home(name, **SIZE)


@pytest.fixture(scope="module")
def untroubled(company_of: Callable[[str], Home]) -> Home:
    home = company_of("untroubled")
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return home


def published(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every mart, but for what a record that changed meanwhile truly changes.

    It was seen later, so of equal sources another record may be the latest to state a value; and the transactions of an
    order are asked for when the order is a recent one.
    """
    tables = home.tables()
    tables["customers"] = home.query("select * exclude (last_seen_at) from marts.customers order by all")
    tables["customer_features"] = home.query(
        "select * exclude (last_seen_date, _loaded_at) from marts.customer_features order by all"
    )
    tables["customer_attribute_sources"] = home.query(
        "select customer_id, attribute, distinct_values from marts.customer_attribute_sources order by all"
    )
    tables["payments"] = home.query(
        "select order_id, payment_method, status, currency, sum(amount) from marts.payments group by all order by all"
    )
    return tables


def test_faults_that_pass_change_nothing_that_is_published(company_of: Callable[[str], Home], untroubled: Home) -> None:
    troubled = company_of("troubled")
    outcome = troubled.run(DEMO_FAULTS="passing")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert not differences(published(untroubled), published(troubled))
    read, landed = troubled.query("select sum(rows_read), sum(rows_landed) from ops.loads where admitted")[0]
    assert read == landed > untroubled.query("select sum(rows_read) from ops.loads where admitted")[0][0]


def test_a_needed_column_that_is_gone_is_said_and_made_good_for(
    company_of: Callable[[str], Home], untroubled: Home
) -> None:
    home = company_of("column-gone")
    outcome = home.run(DEMO_FAULTS="shopify:no_column")
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode == 1, said
    assert "created_at" in said
    assert "Traceback" not in said

    def shop_orders(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [row for row in rows if row[0] == "shopify"]

    published = home.query(MONEY)
    assert published
    assert not shop_orders(published)
    assert home.query("select distinct status from ops.loads where source_system = 'shopify'") == [("refused",)]
    # The shop says of people known from elsewhere that they are one: ids move, and someone has to accept it.
    outcome = home.run(NIGHTS="0")
    assert outcome.returncode == 3, outcome.stdout + outcome.stderr
    assert "ACCEPT_RESTATEMENT=1" in outcome.stdout
    assert home.query(MONEY) == published
    outcome = home.run(NIGHTS="0", ACCEPT_RESTATEMENT="1")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert shop_orders(home.query(MONEY))
    assert home.query(MONEY) == untroubled.query(MONEY)


def test_a_fault_that_there_is_not_is_refused(company_of: Callable[[str], Home]) -> None:
    outcome = company_of("no-such-fault").run(DEMO_FAULTS="earthquake")
    assert outcome.returncode in (1, 2)
    assert "there is no fault 'earthquake'" in " ".join((outcome.stdout + outcome.stderr).split())
