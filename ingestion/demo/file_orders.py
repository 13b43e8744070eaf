"""Orders of the doors that only export files: drawn once on their day, with everything that will happen to them.

Belongs here: what is bought, what it costs, how it is paid, shipped, closed or given back, and what the books say.
Does not belong here: what a door knows of the buyer (doors), how an export shows an order (the layouts).

An order closed before or after its payment is taken out of the books on the day it was booked: an export shows what
an order is, not when it ceased to be one, so its sale and its void meet on the same date and nothing is left of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ingestion.demo.catalog import CURRENCY, TAX_PERCENT, VARIANTS, Variant, allocate, contained_tax
from ingestion.demo.clock import DAY, FIRST_DAY, HOUR, day_start, dice, generator, local_date, local_instant
from ingestion.demo.doors import (
    DOORS,
    JD,
    OLD_SHOP,
    PHONE_DESK,
    Buyer,
    Door,
    account_buyer,
    card_buyer,
    checkout_buyer,
    counter_buyer,
    uses,
)
from ingestion.demo.population import Crowd, Person, Population
from ingestion.demo.volume import count_on

_TAX_PERCENT = {CURRENCY[country]: percent for country, percent in TAX_PERCENT.items()} | {"USD": 9}


@dataclass(slots=True)
class FileLine:
    """An order line; price is that of one piece, discount and tax are of the whole line, in minor units."""

    variant: Variant
    quantity: int
    price: int
    discount: int
    tax: int

    @property
    def gross(self) -> int:
        """The line at list price."""
        return self.price * self.quantity

    @property
    def net(self) -> int:
        """What the line costs after its discount."""
        return self.gross - self.discount


@dataclass(slots=True)
class GivenBack:
    """Money returned at an instant: whole lines by their index."""

    at: int
    lines: tuple[int, ...]
    amount: int


@dataclass(slots=True)
class FileOrder:
    """An order with its whole future; ``changes`` are the instants at which an export shows it differently."""

    door: Door
    serial: int
    person: Person
    buyer: Buyer
    created: int
    lines: list[FileLine]
    shipping: int = 0
    paid: int | None = None
    shipped: int | None = None
    finished: int | None = None
    closed: int | None = None
    refund: GivenBack | None = None
    receiver: Person | None = None
    method: str = ""
    code: int = 0  # fixed chance of this order, for cells that mean nothing
    tags: set[str] = field(default_factory=set)

    @property
    def goods(self) -> int:
        """The lines after their discounts."""
        return sum(line.net for line in self.lines)

    @property
    def discount(self) -> int:
        """All discounts."""
        return sum(line.discount for line in self.lines)

    @property
    def total(self) -> int:
        """What the customer owes."""
        return self.goods + self.shipping

    @property
    def changes(self) -> list[int]:
        """The instants at which an export shows the order differently."""
        given_back = self.refund.at if self.refund else None
        instants = (self.created, self.paid, self.shipped, self.finished, self.closed, given_back)
        return sorted({at for at in instants if at is not None})

    def changed_between(self, after: int, until: int) -> bool:
        """Whether the order changes within (after, until]."""
        return any(after < at <= until for at in self.changes)

    def state(self, instant: int) -> str:
        """waiting, paid, shipped, finished or closed at an instant."""
        for name, at in (
            ("closed", self.closed),
            ("finished", self.finished),
            ("shipped", self.shipped),
            ("paid", self.paid),
        ):
            if at is not None and at <= instant:
                return name
        return "waiting"

    def given_back(self, instant: int) -> GivenBack | None:
        """The refund, once it has happened."""
        return self.refund if self.refund is not None and self.refund.at <= instant else None

    def movements(self, instant: int) -> list[tuple[str, str, int]]:
        """(business date of the door's books, movement, signed minor units) booked until an instant."""
        back, zone = self.given_back(instant), self.door.business_zone
        unpaid = self.paid is None or self.paid > instant
        if (back is None and self.state(instant) == "closed") or (unpaid and not self.door.books_unpaid):
            return []
        booked = [(local_date(self.created, zone), "sale", self.total)]
        if back is not None:
            booked.append((local_date(self._refund_booked(back), zone), "refund", -back.amount))
        return booked

    def _refund_booked(self, back: GivenBack) -> int:
        """When the books say that money was given back."""
        if self.door is not OLD_SHOP:
            return back.at
        return self.closed or self.paid or self.created


class FileOrders:
    """Draws the orders of a door and day."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.crowds = {door: Crowd(_joined, _affinity(door)) for door in DOORS}
        self.drawn: dict[tuple[Door, int], list[FileOrder]] = {}

    def orders_on(self, door: Door, day: int) -> list[FileOrder]:
        """All orders of a door and day, oldest first."""
        if (door, day) not in self.drawn:
            self.drawn[door, day] = self._draw(door, day)
        return self.drawn[door, day]

    def forget(self, before: int, kept: Collection[Door]) -> None:
        """Let go of the draws of days no night needs again; all orders of ``kept`` doors stay."""
        for key in [key for key in self.drawn if key[1] < before and key[0] not in kept]:
            del self.drawn[key]

    def _draw(self, door: Door, day: int) -> list[FileOrder]:
        population = self.population
        number = count_on(population.size, population.seed, day, door.topic)
        if not number:
            return []
        rng = generator(population.seed, day, f"{door.topic}.orders")
        buyers = self.crowds[door].pick(population.grow(day), day, rng, number)
        date = local_date(day_start(day) + DAY // 2, door.zone)
        hours = sorted(rng.beta(2.0, 1.6, len(buyers)))
        rolls = dice(population.seed, day, f"{door.topic}.order", len(buyers))
        made = []
        for at, (die, person, share) in enumerate(zip(rolls, buyers, hours, strict=True)):
            opens, closes = (10.0, 19.5) if door is PHONE_DESK or _is_counter(door) else (7.0, 23.5)
            created = local_instant(date, opens + (closes - opens) * float(share), door.zone)
            made.append(self._order(die, door, (day - FIRST_DAY + 1) * 1_000 + at, person, created, day))
        return made

    def _order(self, die: random.Random, door: Door, serial: int, person: Person, created: int, day: int) -> FileOrder:
        rates = self.population.rates
        if door.knows in ("account", "nick"):
            buyer = account_buyer(person, door, day, rates)
        elif door.knows == "card":
            buyer = card_buyer(die, person, door, day)
        elif door.knows == "checkout":
            buyer = checkout_buyer(die, person, day, rates)
        elif door.knows == "counter":
            buyer = counter_buyer(die, person, day, rates)
        else:
            buyer = Buyer()
        order = FileOrder(door, serial, person, buyer, created, [], tags=set(buyer.tags), code=die.getrandbits(62))
        _fill_basket(die, order)
        if _is_counter(door):
            order.paid = order.finished = created
            order.method = die.choice(("Card", "Cash"))
            if die.random() < 0.06:
                _give_back(die, order, created + DAY * die.randint(1, 20))
        else:
            _draw_future(die, order)
            if die.random() < rates.parcel_phone:
                other = self.population.people[die.randrange(self.population.joined_by(day))]
                if other.index != person.index:
                    order.receiver = other
                    order.tags.add("parcel_phone")
        return order


def _fill_basket(die: random.Random, order: FileOrder) -> None:
    currency, counter = order.door.currency, _is_counter(order.door)
    percent = _TAX_PERCENT[order.door.currency]
    chosen = die.sample(VARIANTS, die.choices((1, 2, 3), (0.66, 0.25, 0.09))[0])
    pieces = [2 if die.random() < 0.12 else 1 for _ in chosen]
    prices = [_price(variant, currency) for variant in chosen]
    gross = [price * number for price, number in zip(prices, pieces, strict=True)]
    rate = die.choice((5, 10, 20)) if die.random() < 0.22 else 0
    off = allocate(sum(gross) * rate // 100, gross)
    for variant, number, price, less in zip(chosen, pieces, prices, off, strict=True):
        line = FileLine(variant, number, price, less, 0)
        line.tax = contained_tax(line.net, percent)
        order.lines.append(line)
    if not counter:
        free = die.random() < 0.7
        order.shipping = 0 if free else {"CNY": 1000, "EUR": 490, "JPY": 600}[currency]


def _price(variant: Variant, currency: str) -> int:
    """The list price; abroad the German one with a tenth more."""
    return variant.eur * 11 // 10 if currency == "USD" else variant.price(currency)


def _draw_future(die: random.Random, order: FileOrder) -> None:
    """Payment, shipping, receipt, closing and refunds, all within the follow-up window."""
    created, fate = order.created, die.random()
    on_delivery = order.door is JD and fate > 0.80
    order.method = "货到付款" if on_delivery else "在线支付"
    if fate < 0.05:
        order.closed = created + int(die.uniform(0.02, 1.0) * DAY)
        return
    order.paid = created + die.randint(5, 3 * HOUR if fate < 0.2 else 900)
    if fate < 0.08:
        order.closed = order.paid + int(die.uniform(0.05, 0.5) * DAY)
        if order.door is OLD_SHOP:
            order.refund = GivenBack(order.closed, tuple(range(len(order.lines))), order.total)
        return
    order.shipped = order.paid + int(die.uniform(0.3, 3.0) * DAY)
    if fate < 0.11 and order.door is not OLD_SHOP:
        order.closed = order.shipped + int(die.uniform(2, 15) * DAY)
        return
    order.finished = order.shipped + int(die.uniform(2, 12) * DAY)
    if on_delivery:
        order.paid = order.finished
    if order.door is OLD_SHOP and fate > 0.93:
        _give_back(die, order, order.finished + int(die.uniform(1, 15) * DAY))


def _give_back(die: random.Random, order: FileOrder, at: int) -> None:
    """Everything, or one of the lines."""
    whole = len(order.lines) == 1 or die.random() < 0.4
    lines = tuple(range(len(order.lines))) if whole else (die.randrange(len(order.lines)),)
    order.refund = GivenBack(at, lines, sum(order.lines[i].net for i in lines))


def _is_counter(door: Door) -> bool:
    return door.knows in ("card", "counter")


def _joined(person: Person) -> int:
    return person.joined


def _affinity(door: Door) -> Callable[[Person], float]:
    return lambda person: 1.0 if uses(person, door) else 0.0
