"""What a later night restates of paths and credits: what it has to, and as a build from nothing would have it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.recompute_attribution import credits, fitted_weights, paths
from tests.unit.attribution_shop import DAY, NOON, Shop


def full(shop):
    """What the same tables make when they are built for the first time."""
    anew = Shop(as_of=shop.as_of)
    anew.configure(
        ",".join("" if cell is None else str(cell).lower() for cell in shop.rows("attribution_config", "*")[0])
    )
    anew.touches, anew.orders = shop.touches, shop.orders
    return anew.night()


def assert_as_built_anew(shop):
    anew = full(shop)
    for table in ("int_attribution__touches", "int_attribution__paths", "attribution"):
        columns = "* exclude (_fingerprint)" if table != "attribution" else "* exclude (_fingerprint, _loaded_at)"
        assert shop.rows(table, columns) == anew.rows(table, columns), table
    assert shop.rows("channel_roi", "*") == anew.rows("channel_roi", "*")


def written(shop):
    """(order, is fitted) → when its rows were written."""
    return {
        (order, fitted): at
        for order, fitted, at in shop.rows("attribution", "distinct order_id, is_fitted, _loaded_at")
    }


@pytest.fixture
def two_people():
    """Ann has two channels before her order of May; so has Bob, whose second device is still somebody else."""
    shop = Shop()
    for person in ("ann", "bob"):
        shop.touch(f"{person} 1", "A", NOON - 3 * DAY, customer=person)
        shop.touch(f"{person} 2", "B", NOON - 2 * DAY, customer=person)
        shop.order(person, NOON, customer=person)
    shop.touch("device 1", "C", NOON - DAY, customer="device")
    shop.touch("carl 1", "A", NOON - 63 * DAY, customer="carl")
    shop.touch("carl 2", "B", NOON - 62 * DAY, customer="carl")
    shop.order("carl", NOON - 60 * DAY, customer="carl")
    return shop.night()


def changed(shop, before):
    after = written(shop)
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_a_merge_restates_the_person_and_the_month(two_people: Shop):
    before = written(two_people)
    two_people.touch("device 1", "C", NOON - DAY, customer="bob")
    two_people.night()
    assert set(two_people.credit("bob", "linear")) == {"bob 1", "bob 2", "device 1"}
    # May's weights moved, and with them Ann's order by the fitted models; March's did not.
    assert changed(two_people, before) == {("bob", False), ("bob", True), ("ann", True)}
    assert_as_built_anew(two_people)


def test_a_late_refund_restates_one_order(two_people: Shop):
    before = written(two_people)
    two_people.order("carl", NOON - 60 * DAY, "3", customer="carl")
    two_people.night()
    assert changed(two_people, before) == {("carl", False), ("carl", True)}
    assert_as_built_anew(two_people)


def test_a_night_with_nothing_new_writes_nothing(two_people: Shop):
    before = written(two_people)
    two_people.night()
    assert changed(two_people, before) == set()


def test_other_settings_restate_what_they_decide(two_people: Shop):
    before = written(two_people)
    two_people.configure("30,3.5,11,false,")
    two_people.night()
    assert changed(two_people, before) == {("ann", False), ("bob", False), ("carl", False)}
    two_people.configure("2,3.5,11,false,")
    two_people.night()
    assert two_people.credit("ann", "linear") == {"none:ann": 1}
    assert_as_built_anew(two_people)


TOUCHES = st.dictionaries(
    st.integers(0, 11),
    st.tuples(st.sampled_from("ABC"), st.integers(0, 100), st.sampled_from(["ann", "bob", None])),
    max_size=10,
)
ORDERS = st.dictionaries(
    st.integers(0, 5),
    st.tuples(st.integers(0, 100), st.sampled_from(["ann", "bob", None]), st.integers(0, 99), st.booleans()),
    max_size=5,
)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(TOUCHES, ORDERS), min_size=2, max_size=3))
def test_nights_are_a_rebuild_and_what_the_definitions_say(nights):
    """Touches and orders that come, go, move and change hands from night to night, at times that often meet."""
    shop = Shop()
    for number, (touches, orders) in enumerate(nights):
        shop.touches.clear()
        shop.orders.clear()
        for name, (channel, days, customer) in touches.items():
            shop.touch(f"t{name}", channel, NOON - days * DAY, customer=customer)
        for name, (days, customer, fen, is_valid) in orders.items():
            shop.order(f"o{name}", NOON - days * DAY, Decimal(fen) / 100, customer, is_valid)
        shop.as_of = NOON + number * DAY
        shop.night()
    assert_as_built_anew(shop)
    found = paths(list(shop.touches.values()), shop.numbered(), shop.as_of)
    weights = fitted_weights(found, shop.numbered())
    for (order, model), parts in credits(found, weights, shop.numbered()).items():
        given_parts = shop.parts(order, model)
        assert set(given_parts) == {touch["touchpoint_id"] if touch else f"none:{order}" for touch, _, _ in parts}
        for touch, credit, _ in parts:
            shown = given_parts[touch["touchpoint_id"] if touch else f"none:{order}"][0]
            assert abs(shown - credit) <= (Decimal("1e-12") if model == "time_decay" else 0)
