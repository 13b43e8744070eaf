"""Receipts of the tills: sales, returns, voids, and receipts that arrive days late; drawn once on their day.

Belongs here: what is rung up, for whom, what is noted about the customer, and the rows of the tills' database.
Does not belong here: SQL (systems), the cards themselves (registrations).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ingestion.demo.catalog import STORES, STORES_OF, TAX_PERCENT, VARIANTS, Store, contained_tax, money
from ingestion.demo.clock import DAY, HOUR, day_start, dice, generator, local_date, local_instant, utc_text, zone
from ingestion.demo.noise import NoiseRates, placeholder_phone, write_name, write_phone, wrong_phone
from ingestion.demo.population import NEVER, Crowd, Person, Population, join_name
from ingestion.demo.registrations import (
    Registration,
    card_details,
    carries_birth_date,
    carries_street,
    member_number,
)
from ingestion.demo.volume import count_on
from ingestion.demo.webshop import WebOrder

Row = tuple[object, ...]


@dataclass(slots=True)
class ReceiptLine:
    """One article; discount and tax are of the whole line, in the store's minor unit."""

    sku: str
    name: str
    category: str
    quantity: int
    price: int
    discount: int
    tax: int

    @property
    def net(self) -> int:
        """What the line costs after its discount."""
        return self.quantity * self.price - self.discount


@dataclass(slots=True)
class Receipt:
    """A till receipt with its whole future: it reaches the database at ``arrives`` and may be voided later."""

    receipt_id: str
    number: str
    store: Store
    register: str
    kind: str
    sold: int
    arrives: int
    lines: list[ReceiptLine]
    person: Person | None
    payment: str
    rounding: int = 0
    member_no: str | None = None
    name: str | None = None
    phone: str | None = None
    street: str | None = None
    birth_date: str | None = None
    original_receipt_id: str | None = None
    original_order_name: str | None = None
    voided: int | None = None
    cashier: str = ""
    undecidable: bool = False
    tags: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """What was paid, or given back for a return."""
        return sum(line.net for line in self.lines) + self.rounding

    @property
    def changes(self) -> list[int]:
        """The instants at which the row changes."""
        return [self.arrives] if self.voided is None else sorted({self.arrives, max(self.arrives, self.voided)})

    def is_voided(self, instant: int) -> bool:
        """Whether the void has reached the database by the instant."""
        return self.voided is not None and max(self.arrives, self.voided) <= instant

    def identifies(self) -> bool:
        """Whether the receipt is a record of its own: a name or phone and no card."""
        return self.member_no is None and (self.name is not None or self.phone is not None)

    def movements(self, instant: int) -> list[tuple[str, str, int]]:
        """(business date in the store's zone, movement, signed minor units); nothing for a voided receipt."""
        if self.arrives > instant or self.is_voided(instant):
            return []
        day = local_date(self.sold, self.store.zone)
        sign = -1 if self.kind == "return" else 1
        booked = [
            (day, "refund" if sign < 0 else "sale", sign * (self.total - self.rounding)),
            (day, "rounding", sign * self.rounding),
        ]
        return [entry for entry in booked if entry[2]]

    def row(self, instant: int) -> Row:
        """The row of table ``receipts`` at an instant."""
        shown, currency = max(at for at in self.changes if at <= instant), self.store.currency
        return (
            self.receipt_id,
            self.number,
            self.store.store_id,
            self.register,
            self.kind,
            utc_text(self.sold),
            currency,
            self.member_no,
            self.name,
            self.phone,
            self.street,
            self.birth_date,
            money(self.total, currency),
            money(sum(line.discount for line in self.lines), currency),
            money(sum(line.tax for line in self.lines), currency),
            money(self.rounding, currency),
            self.payment,
            self.original_receipt_id,
            self.original_order_name,
            "voided" if self.is_voided(instant) else "completed",
            self.cashier,
            utc_text(shown),
        )

    def line_rows(self) -> list[Row]:
        """The rows of table ``receipt_lines``."""
        currency, arrived = self.store.currency, utc_text(self.arrives)
        return [
            (
                self.receipt_id,
                number,
                line.sku,
                line.name,
                line.category,
                str(line.quantity),
                money(line.price, currency),
                money(line.discount, currency),
                money(line.tax, currency),
                arrived,
            )
            for number, line in enumerate(self.lines, start=1)
        ]


class Tills:
    """Draws the receipts of a day, each followed by its returns."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.rates: NoiseRates = population.rates
        self.crowd = Crowd(
            lambda person: person.joined, lambda p: 0.35 if p.card_day == NEVER and p.web_day < NEVER else 1.0
        )

    def receipts_on(self, day: int) -> list[Receipt]:
        """All receipts sold on a day, and the returns that follow from them, whenever those happen."""
        population = self.population
        people = population.grow(day)
        date = (datetime.fromtimestamp(day_start(day), UTC) + timedelta(hours=12)).date().isoformat()
        dst_extra = 4 if _clock_change(date) else 0
        rng = generator(population.seed, day, "receipts")
        number = count_on(population.size, population.seed, day, "receipts")
        buyers = self.crowd.pick(people, day, rng, number + dst_extra)
        made: list[Receipt] = []
        rolls = dice(population.seed, day, "receipt", len(buyers))
        for at, (die, person) in enumerate(zip(rolls, buyers, strict=True)):
            sale = self._sale(die, person, day, date, at, dst_night=at >= number)
            made.append(sale)
            made.extend(self._returns(die, sale))
        return made

    def _sale(self, die: random.Random, person: Person, day: int, date: str, at: int, dst_night: bool) -> Receipt:
        if dst_night:
            store = STORES_OF["DE"][0]
            sold = local_instant(date, 0.0, store.zone) + int(die.uniform(0.2, 3.6) * HOUR)
        else:
            store = die.choice(STORES_OF[person.country]) if die.random() > 0.03 else die.choice(STORES)
            opening = store.closes - store.opens
            sold = local_instant(date, store.opens + opening * die.betavariate(2.2, 1.8), store.zone)
        register = str(die.randint(1, 3))
        arrives = sold + die.randint(20, 240)
        if die.random() < 0.015:
            arrives = sold + int(die.uniform(1.2, 6) * DAY)  # the till was offline
        receipt = Receipt(
            receipt_id=f"{store.store_id}-{day + 2000:05d}-{at:04d}",
            number=f"{register}/{(day + 2000) * 10 + at % 10}",
            store=store,
            register=register,
            kind="sale",
            sold=sold,
            arrives=arrives,
            lines=[],
            person=person,
            payment=die.choices(("card", "cash", "mobile"), (0.5, 0.2, 0.3))[0],
            cashier=f"C{die.randint(1, 9):02d}",
        )
        member = self._customer(die, receipt, person, day)
        self._ring_up(die, receipt, member)
        if die.random() < 0.012:
            late = die.random() < 0.3
            receipt.voided = receipt.sold + (int(die.uniform(0.4, 1.5) * DAY) if late else die.randint(120, 1500))
        return receipt

    def _customer(self, die: random.Random, receipt: Receipt, person: Person, day: int) -> bool:
        """What is noted about the customer; true if it is a card."""
        rates, style = self.rates, die.random()
        card = member_number(person, day)
        if style < rates.name_only:
            self._name_only(die, receipt, person)
            return False
        if style < rates.name_only + rates.placeholder_phone:
            receipt.phone = placeholder_phone(die, receipt.store.country, rates)
            receipt.tags.add("placeholder_phone")
            receipt.undecidable = True
            if die.random() >= rates.nameless_receipts:
                receipt.name = self._written(die, receipt, person)
            return False
        if card is not None and die.random() < 0.78:
            receipt.member_no = card
            return True
        if die.random() < 0.42:
            self._phone_receipt(die, receipt, person, day)
        return False

    def _name_only(self, die: random.Random, receipt: Receipt, person: Person) -> None:
        """A name and perhaps a detail; with a detail that nothing else of the person carries it is a bare name."""
        rates, detail = self.rates, die.random()
        receipt.name = self._written(die, receipt, person)
        if detail < rates.name_only_street:
            receipt.street = person.street
            receipt.tags.add("name_only_street")
            receipt.undecidable = not carries_street(person)
        elif detail < rates.name_only_street + rates.name_only_birth_date:
            receipt.birth_date = person.birth_date
            receipt.tags.add("name_only_birth_date")
            receipt.undecidable = not carries_birth_date(person)
        else:
            receipt.tags.add("name_only_bare")
            receipt.undecidable = True

    def _phone_receipt(self, die: random.Random, receipt: Receipt, person: Person, day: int) -> None:
        number = person.phone(day)
        wrong = False
        if person.second_phone and person.shows_second_phone(day) and die.random() < 0.5:
            number = person.second_phone
            receipt.tags.add("second_phone")
        if die.random() < self.rates.wrong_phone:
            number, wrong = wrong_phone(die, number), True
            receipt.tags.add("wrong_phone")
        receipt.phone = write_phone(die, number, receipt.store.country)
        shared = person.shares_phone and number == person.phones[0][1]
        if shared:
            receipt.tags.add("shared_phone")
        if die.random() < self.rates.nameless_receipts:
            receipt.tags.add("nameless")
            receipt.undecidable = shared or wrong or person.passed_on(number)
        elif shared and person.same_initial and die.random() < 0.5:
            receipt.name = f"{person.given_latin[0]}. {person.family_latin}"
            receipt.tags.add("initial_only")
            receipt.undecidable = True
        else:
            receipt.name = self._written(die, receipt, person)

    def _written(self, die: random.Random, receipt: Receipt, person: Person) -> str:
        native, latin = (person.family, person.given), (person.family_latin, person.given_latin)
        family, given = write_name(die, native, latin, self.rates, receipt.tags)
        if person.country == "DE" and die.random() < 0.2:
            return f"{family}, {given}"
        return join_name(person.country, family, given)

    def _ring_up(self, die: random.Random, receipt: Receipt, member: bool) -> None:
        currency, percent = receipt.store.currency, TAX_PERCENT[receipt.store.country]
        for variant in die.sample(VARIANTS, die.choices((1, 2, 3, 4), (0.55, 0.28, 0.12, 0.05))[0]):
            quantity = 2 if die.random() < 0.12 else 1
            price = variant.price(currency)
            off = price * quantity // 20 if member and die.random() < 0.5 else 0
            line = ReceiptLine(
                variant.sku, f"{variant.title} {variant.variant_title}", variant.category, quantity, price, off, 0
            )
            line.tax = contained_tax(line.net, percent)
            receipt.lines.append(line)
        if currency == "EUR" and receipt.payment == "cash":
            receipt.rounding = _to_five_cents(receipt.total)

    def _returns(self, die: random.Random, sale: Receipt) -> list[Receipt]:
        """Goods brought back: a part or all of a sale, or goods without their receipt."""
        chance = die.random()
        if sale.voided is not None or chance >= 0.075:
            return []
        at = local_instant(local_date(sale.sold, sale.store.zone), sale.store.opens, sale.store.zone)
        at += DAY * die.randint(7, 32) + die.randint(600, 9 * HOUR)
        back = _return_of(sale, at, f"{sale.receipt_id}R", die)
        back.arrives = max(back.arrives, sale.arrives + 60)
        if chance < 0.03:
            back.lines, back.rounding = [_copy(line) for line in sale.lines], sale.rounding
        elif chance < 0.06:
            back.lines = [_some(die, die.choice(sale.lines), TAX_PERCENT[sale.store.country])]
        else:
            back.lines, back.original_receipt_id = [_copy(sale.lines[0])], None
        if back.payment == "cash" and sale.store.currency == "EUR" and not back.rounding and chance >= 0.03:
            back.rounding = -(back.total % 5)
        return [back]


def online_return(order: WebOrder) -> Receipt | None:
    """The till's receipt of an online order handed back in a store, or None."""
    back = order.store_return
    if back is None:
        return None
    lines = []
    for at, quantity, net, tax in back.lines:
        line = order.lines[at]
        title = f"{line.variant.title} {line.variant.variant_title}"
        gross = line.price * quantity
        lines.append(
            ReceiptLine(line.variant.sku, title, line.variant.category, quantity, line.price, gross - net, tax)
        )
    return Receipt(
        receipt_id=f"{back.store.store_id}-W{order.number}",
        number=f"1/{order.number}",
        store=back.store,
        register="1",
        kind="return",
        sold=back.at,
        arrives=back.at + 45,
        lines=lines,
        person=order.person,
        payment="mobile",
        original_order_name=order.name,
        cashier="C01",
    )


def member_row(card: Registration, instant: int) -> Row:
    """The row of table ``members`` at an instant."""
    person, version = card.person, card.at(instant)
    with_street, with_birth = card_details(person)
    die = person.trait(141)
    return (
        card.record_id,
        card.full_name,
        version.phone,
        version.email,
        person.birth_date if with_birth else None,
        person.gender.upper() if die.random() < 0.8 else None,
        person.street if with_street else None,
        {"CN": "上海", "DE": "Berlin", "JP": "東京"}[person.country] if with_street else None,
        person.postcode if with_street else None,
        person.country,
        version.level,
        card.store_id,
        "true" if person.consents and version.phone else "false",
        "true" if person.consents and version.email else "false",
        utc_text(card.created),
        utc_text(version.at),
    )


def store_rows(founded: int) -> list[Row]:
    """The rows of table ``stores``."""
    return [(s.store_id, s.name, s.city, s.country, s.zone, s.currency, utc_text(founded)) for s in STORES]


def _return_of(sale: Receipt, at: int, receipt_id: str, die: random.Random) -> Receipt:
    return Receipt(
        receipt_id=receipt_id,
        number=f"{sale.number}R",
        store=sale.store,
        register=sale.register,
        kind="return",
        sold=at,
        arrives=at + die.randint(20, 200),
        lines=[],
        person=sale.person,
        payment=sale.payment,
        member_no=sale.member_no,
        original_receipt_id=sale.receipt_id,
        cashier=f"C{die.randint(1, 9):02d}",
    )


def _copy(line: ReceiptLine) -> ReceiptLine:
    return ReceiptLine(line.sku, line.name, line.category, line.quantity, line.price, line.discount, line.tax)


def _some(die: random.Random, line: ReceiptLine, percent: int) -> ReceiptLine:
    """One piece of a line with its share of the discount."""
    if line.quantity == 1 or die.random() < 0.3:
        return _copy(line)
    part = ReceiptLine(line.sku, line.name, line.category, 1, line.price, -(-line.discount // line.quantity), 0)
    part.tax = contained_tax(part.net, percent)
    return part


def _to_five_cents(amount: int) -> int:
    """What rounding to the nearest five cents adds."""
    return (amount + 2) // 5 * 5 - amount


def _clock_change(date: str) -> bool:
    """Whether Berlin's clocks change on the date."""
    noon = datetime.fromisoformat(date).replace(hour=12, tzinfo=zone("Europe/Berlin"))
    return noon.utcoffset() != (noon - timedelta(days=1)).utcoffset()
