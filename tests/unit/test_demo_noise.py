"""The demo company is at least as difficult as its noise rates say."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from ingestion.demo.noise import NoiseRates, write_phone, wrong_phone
from ingestion.demo.population import Person, Population, join_name
from ingestion.demo.tills import Receipt, Tills
from ingestion.demo.webshop import WebShop

PERSONS = 1500
RATES = NoiseRates()


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(PERSONS, 11, RATES)


@pytest.fixture(scope="module")
def receipts(population: Population) -> list[Receipt]:
    tills = Tills(population)
    return [receipt for day in range(-700, 1) for receipt in tills.receipts_on(day) if receipt.kind == "sale"]


def _share(people: list[Person], condition: object) -> float:
    return sum(1 for person in people if condition(person)) / len(people)  # type: ignore[operator]


def test_people_meet_every_rate(population: Population) -> None:
    people = population.people
    assert _share(people, lambda p: p.partner is not None) >= RATES.couples
    assert _share(people, lambda p: p.shares_phone) >= RATES.shared_phone
    assert _share(people, lambda p: p.same_initial) >= RATES.shared_phone * RATES.same_initial
    assert _share(people, lambda p: p.second_phone) >= RATES.two_phones
    assert _share(people, lambda p: len(p.phones) > 1 and p.phones[1][0] <= 0) >= RATES.changed_phone
    assert _share(people, lambda p: len(p.emails) > 1 and p.emails[1][0] <= 0) >= RATES.changed_email
    assert _share(people, lambda p: p.passed_on_to is not None) >= RATES.recycled_phone
    assert _share(people, lambda p: p.shared_device) >= RATES.shared_device
    assert _share(people, lambda p: p.card_replaced <= 0) >= RATES.replaced_card


def test_a_number_is_passed_on_after_a_gap(population: Population) -> None:
    for giver in population.people:
        if giver.passed_on_to is not None:
            taker = population.people[giver.passed_on_to]
            assert taker.phones[0][1] == giver.phones[0][1]
            assert taker.joined - giver.phones[1][0] >= 90
            assert taker.index != giver.partner


def test_two_random_people_share_a_full_name(population: Population) -> None:
    names = Counter(join_name(p.country, p.family, p.given) for p in population.people)
    pairs = sum(number * (number - 1) for number in names.values())
    assert pairs / (PERSONS * (PERSONS - 1)) >= 1 / 10_000


def test_till_receipts_meet_their_rates(receipts: list[Receipt]) -> None:
    number = len(receipts)
    name_only = [receipt for receipt in receipts if receipt.name and not receipt.phone and not receipt.member_no]
    placeholder = [receipt for receipt in receipts if "placeholder_phone" in receipt.tags]
    with_phone = [receipt for receipt in receipts if receipt.phone]
    nameless = [receipt for receipt in with_phone if receipt.name is None]
    assert len(name_only) / number == pytest.approx(RATES.name_only, rel=0.25)
    assert len(placeholder) / number == pytest.approx(RATES.placeholder_phone, rel=0.45)
    assert len(nameless) / len(with_phone) == pytest.approx(RATES.nameless_receipts, rel=0.15)
    with_street = [receipt for receipt in name_only if receipt.street]
    with_birth_date = [receipt for receipt in name_only if receipt.birth_date]
    assert len(with_street) / len(name_only) == pytest.approx(RATES.name_only_street, rel=0.2)
    assert len(with_birth_date) / len(name_only) == pytest.approx(RATES.name_only_birth_date, rel=0.35)
    assert all(receipt.undecidable for receipt in name_only if not receipt.street and not receipt.birth_date)


def test_some_parcels_go_to_another_person(population: Population) -> None:
    shop = WebShop(population)
    orders = [order for day in range(-500, 1) for order in shop.orders_on(day)]
    parcels = sum(1 for order in orders if order.receiver is not None)
    assert parcels / len(orders) == pytest.approx(RATES.parcel_phone, rel=0.35)
    assert {"refunded", "voided", "in_store"} <= {
        "in_store" if order.store_return else "voided" if order.paid is None else "refunded"
        for order in orders
        if order.refunds or order.paid is None
    }


def test_phones_are_written_in_many_ways() -> None:
    die = random.Random(1)
    written = {write_phone(die, "+8613812345678", "CN") for _ in range(200)}
    assert {"13812345678", "+8613812345678", "138-1234-5678", "１３８１２３４５６７８"} <= written
    abroad = {write_phone(die, "+4915112345678", None) for _ in range(200)}
    assert "+49 (0)151 12345678" in abroad
    assert all(wrong_phone(die, "+8613812345678") != "+8613812345678" for _ in range(200))


def test_a_day_is_drawn_alike_however_many_join_later() -> None:
    early, late = Population(PERSONS, 13, RATES), Population(PERSONS, 13, RATES)
    late.grow(40)
    assert len(late.people) > PERSONS

    def drawn(population: Population) -> list[tuple[object, ...]]:
        shop, tills = WebShop(population), Tills(population)
        rows: list[tuple[object, ...]] = []
        for day in range(-3, 9):
            for order in shop.orders_on(day):
                receiver = order.receiver.index if order.receiver else None
                rows.append((order.name, order.person.index, receiver, order.created, order.total, order.changes))
            for receipt in tills.receipts_on(day):
                rows.append((receipt.receipt_id, receipt.phone, receipt.name, receipt.total, receipt.changes))
        return rows

    assert drawn(early) == drawn(late)
    assert [person.phones for person in early.people] == [person.phones for person in late.people[: len(early.people)]]
