"""What each touch has of each order: against a second working-out, and restated only where something changed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.integration.conftest import Home
from tests.integration.recompute_attribution import FITTED, PLAIN, Paths, credits, fitted_weights, paths
from tests.integration.test_definitions import assert_same, rows


@pytest.fixture(scope="module")
def worked_out(company: Home, newest_publication: None):
    touchpoints, orders = rows(company, "marts.touchpoints"), rows(company, "marts.orders")
    as_of = datetime.fromisoformat(company.record()["as_of"]).astimezone(UTC)
    found = paths(touchpoints, orders, as_of)
    weights = fitted_weights(found, orders)
    return found, weights, credits(found, weights, orders)


def test_the_company_has_paths_of_every_kind(company: Home, worked_out: tuple):
    found: Paths = worked_out[0]
    lengths = {len(path) for path in found.of_orders.values()}
    assert {0, 1, 2, 3} <= lengths
    assert found.nulls
    assert company.query("select count(*) from marts.orders where is_valid and customer_id is null")[0][0]


def test_every_part_of_every_order_by_every_model(company: Home, worked_out: tuple):
    published: dict = {}
    for row in sorted(rows(company, "marts.attribution"), key=lambda row: row["position"] or 0):
        published.setdefault((row["order_id"], row["model"]), []).append(row)
    shared = worked_out[2]
    assert published.keys() == shared.keys()
    assert {model for _, model in published} == {*PLAIN, *FITTED}
    for key, parts in shared.items():
        given = published[key]
        assert [row["touchpoint_id"] for row in given] == [
            touch["touchpoint_id"] if touch else f"none:{key[0]}" for touch, _, _ in parts
        ], key
        # A half-life's powers are no fractions; the last of twelve digits may differ.
        slack = Decimal("1e-12") if key[1] == "time_decay" else Decimal(0)
        for row, (touch, credit, revenue) in zip(given, parts, strict=True):
            assert abs(row["credit"] - credit) <= slack, key
            assert abs(row["revenue_reporting"] - revenue) <= slack * 10**10, key
            assert row["channel"] == (touch["channel"] if touch else "(none)"), key


def test_how_much_of_an_order_goes_to_what_truly_set_it_off(company: Home):
    """What set an order off weeks before is better found by its first touch, what did on the spot by its last."""
    causes = company.path / "demo" / "truth" / "causes.csv"
    found = {
        (cause, model): (orders, share)
        for cause, model, orders, share in company.query(
            f"""
            with causes as (
                from read_csv('{causes}', all_varchar = true) where cause <> 'unknown'
            ),
            credited as (
                select
                    source_system || ' ' || cause as cause, model, order_id,
                    coalesce(sum(credit) filter (where attribution.touchpoint_id = causes.touchpoint_id), 0) as credit
                from causes
                inner join marts.orders using (source_system, source_order_id)
                inner join marts.attribution using (order_id)
                group by all
            )
            select cause, model, count(*), avg(credit) from credited group by all order by all
            """
        )
    }
    for cause in ("shopify visit", "shopify ad_click", "pos ad_click"):
        for model in (*PLAIN, *FITTED):
            assert 0 <= found[cause, model][1] < 1
        assert found[cause, "linear"][1] > 0
    assert found["shopify ad_click", "first"][1] > found["shopify ad_click", "last"][1]
    assert found["shopify visit", "last"][1] > found["shopify visit", "first"][1]


def test_the_weights_of_every_month(company: Home, worked_out: tuple):
    published: dict = {}
    for row in rows(company, "marts.attribution_channel_weights"):
        published.setdefault((row["month"], row["model"]), {})[row["channel"]] = row["weight"]
    assert_same(worked_out[1], published)
