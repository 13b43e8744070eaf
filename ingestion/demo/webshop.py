"""Orders of the web shop: drawn once on their day, with everything that will ever happen to them.

Belongs here: who orders what, what it costs, how it is paid, shipped, cancelled, refunded, and what the books say.
Does not belong here: the JSON of the API (webshop_documents) and how documents are kept or served.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from ingestion.demo import catalog
from ingestion.demo.catalog import GIFT_CARDS, VARIANTS, Store, Variant, added_tax, allocate, contained_tax
from ingestion.demo.clock import DAY, HOUR, SHANGHAI, day_start, dice, generator, local_date
from ingestion.demo.noise import NoiseRates, mixed_case, write_name, write_phone, wrong_phone
from ingestion.demo.population import NEVER, Crowd, Person, Population
from ingestion.demo.registrations import web_account_at, web_account_id
from ingestion.demo.volume import count_before, count_on

PRESENTMENT = {"CN": ("CNY", 1.0), "DE": ("EUR", 7.9), "JP": ("JPY", 0.048)}


@dataclass(slots=True)
class Line:
    """An order line; ``discount`` and ``tax`` are of the whole line, in fen."""

    variant: Variant
    quantity: int
    price: int
    discount: int = 0
    tax: int = 0

    @property
    def net(self) -> int:
        """What the line costs after its discount."""
        return self.price * self.quantity - self.discount


@dataclass(slots=True)
class Refund:
    """Money given back: per line (line index, quantity, amount without added tax, tax), plus shipping and tip."""

    at: int
    lines: list[tuple[int, int, int, int]]
    shipping: int
    amount: int
    gateway: str
    note: str | None = None
    failed_first: bool = False


@dataclass(slots=True)
class StoreReturn:
    """An order's goods handed back at a till: the till's receipt for the same money."""

    at: int
    store: Store
    lines: list[tuple[int, int, int, int]]
    amount: int


@dataclass(slots=True)
class WebOrder:
    """An order with its whole future; ``changes`` are the instants at which its document changes."""

    number: int
    person: Person
    created: int
    account: int | None
    family: str
    given: str
    email: str | None
    phone: str | None
    lines: list[Line]
    taxes_included: bool
    tax_percent: int
    gateway: str
    code: str | None = None
    code_kind: str | None = None  # percentage, fixed_amount, shipping
    code_value: str = ""
    shipping: int = 0
    shipping_discount: int = 0
    shipping_tax: int = 0
    tip: int = 0
    test: bool = False
    receiver: Person | None = None
    device_session: bool = False
    click: tuple[str, int] | None = None  # platform, campaign index
    source_name: str = "web"
    paid: int | None = None
    fulfilled: int | None = None
    is_collected: bool = False  # by the buyer, in a store
    cancelled: int | None = None
    cancel_reason: str | None = None
    refunds: list[Refund] = field(default_factory=list)
    store_return: StoreReturn | None = None
    tags: set[str] = field(default_factory=set)

    @property
    def order_id(self) -> int:
        """The shop's own id; grows with the number."""
        return 5_870_000_000_000 + self.number * 65_537

    @property
    def name(self) -> str:
        """The name customers and other systems use, ``#1001``."""
        return f"#{self.number}"

    @property
    def line_total(self) -> int:
        """Goods at list price."""
        return sum(line.price * line.quantity for line in self.lines)

    @property
    def discount(self) -> int:
        """All discounts, that on shipping included."""
        return sum(line.discount for line in self.lines) + self.shipping_discount

    @property
    def tax(self) -> int:
        """All tax, contained in the prices or on top."""
        return sum(line.tax for line in self.lines) + self.shipping_tax

    @property
    def total(self) -> int:
        """What the customer owes."""
        added = 0 if self.taxes_included else self.tax
        return self.line_total - self.discount + self.shipping + added + self.tip

    @property
    def delivered(self) -> int | None:
        """The carrier's word that the parcel arrived; nobody carries what is collected, nor a gift card."""
        if self.fulfilled is None or self.is_collected or not self.shipping:
            return None
        return self.fulfilled + DAY + self.number * 7_919 % (3 * DAY)

    @property
    def changes(self) -> list[int]:
        """The instants at which the document changes."""
        happened = [self.created, self.paid, self.fulfilled, self.delivered, self.cancelled]
        instants = [*happened, *(refund.at for refund in self.refunds)]
        return sorted({at for at in instants if at is not None})

    def refunded(self, instant: int) -> int:
        """What was given back until an instant."""
        return sum(refund.amount for refund in self.refunds if refund.at <= instant)

    def movements(self, instant: int) -> list[tuple[str, str, int]]:
        """(business date, movement, signed fen) booked by the shop until an instant; nothing for a test order."""
        if self.test or self.created > instant:
            return []
        ordered = local_date(self.created, SHANGHAI)
        cards = sum(line.net for line in self.lines if line.variant.gift_card)
        booked = [
            (ordered, "sale", self.total - self.tip - cards),
            (ordered, "gift_card_sale", cards),
            (ordered, "tip", self.tip),
        ]
        for refund in self.refunds:
            if refund.at <= instant:
                booked.append((local_date(refund.at, SHANGHAI), "refund", -refund.amount))
        if self.cancelled is not None and self.cancelled <= instant:
            booked.append((local_date(self.cancelled, SHANGHAI), "void", self.refunded(instant) - self.total))
        return [entry for entry in booked if entry[2]]


class WebShop:
    """Draws the orders of a day."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.rates: NoiseRates = population.rates
        self.crowd = Crowd(_door_opens, lambda person: 1.0)

    def orders_on(self, day: int) -> list[WebOrder]:
        """All orders of a day, oldest first."""
        persons, seed = self.population.size, self.population.seed
        people = self.population.grow(day)
        number = count_on(persons, seed, day, "orders")
        rng = generator(seed, day, "orders")
        buyers = self.crowd.pick(people, day, rng, number)
        instants = sorted(
            day_start(day) + 6 * HOUR + int(share * 17.9 * HOUR) for share in rng.beta(2.0, 1.6, len(buyers))
        )
        first = 1001 + count_before(persons, seed, day, "orders")
        rolls = dice(seed, day, "order", len(buyers))
        return [
            self._order(die, first + at, person, instant, day)
            for at, (die, person, instant) in enumerate(zip(rolls, buyers, instants, strict=True))
        ]

    def _order(self, die: random.Random, number: int, person: Person, created: int, day: int) -> WebOrder:
        tags: set[str] = set()
        account = web_account_at(person, day, die.random() < 0.5) if die.random() > 0.06 else None
        native, latin = (person.family, person.given), (person.family_latin, person.given_latin)
        family, given = write_name(die, native, latin, self.rates, tags)
        email, phone = self._contacts(die, person, day, account, tags)
        included = person.country != "JP"
        order = WebOrder(
            number=number,
            person=person,
            created=created,
            account=account,
            family=family,
            given=given,
            email=email,
            phone=phone,
            lines=[],
            taxes_included=included,
            tax_percent=catalog.TAX_PERCENT[person.country],
            gateway=die.choices(("alipay", "wechat_pay", "shopify_payments", "gift_card"), (0.4, 0.35, 0.24, 0.01))[0],
            tags=tags,
        )
        self._fill_basket(die, order)
        order.test = die.random() < 0.008
        order.tip = die.choice((500, 1000, 2000)) if die.random() < 0.03 else 0
        order.source_name = die.choices(("web", "mobile_app", "mini_program"), (0.7, 0.15, 0.15))[0]
        if die.random() < self.rates.parcel_phone:
            other = self.population.people[die.randrange(self.population.joined_by(day))]
            if other.index != person.index:
                order.receiver = other
                tags.add("parcel_phone")
        order.device_session = die.random() < 0.8 and not order.test
        if order.device_session and die.random() < 0.4:
            order.click = die.choice(("google_ads", "meta_ads", "oceanengine")), die.randrange(4)
        self._draw_future(die, order)
        return order

    def _contacts(
        self, die: random.Random, person: Person, day: int, account: int | None, tags: set[str]
    ) -> tuple[str | None, str | None]:
        """What the buyer types at the checkout; an account fills in its own."""
        if account is not None:
            second = account == web_account_id(person, 1)
            email = f"me.{person.emails[0][1]}" if second else person.email(day)
            return email, (person.phone(day) if die.random() < 0.6 else None)
        with_email, with_phone = die.random() < 0.64, die.random() < 0.62 or person.shares_phone
        number = person.phone(day)
        if person.second_phone and die.random() < 0.5:
            number = person.second_phone
            tags.add("second_phone")
        if die.random() < self.rates.wrong_phone:
            number = wrong_phone(die, number)
            tags.add("wrong_phone")
        phone = write_phone(die, number, person.country) if with_phone or not with_email else None
        return mixed_case(die, person.email(day)).strip() if with_email else None, phone

    def _fill_basket(self, die: random.Random, order: WebOrder) -> None:
        if die.random() < 0.012:
            card = die.choice(GIFT_CARDS)
            order.lines.append(Line(card, 1, card.cny))
        if not order.lines or die.random() < 0.4:
            for variant in die.sample(VARIANTS, die.choices((1, 2, 3, 4), (0.5, 0.3, 0.15, 0.05))[0]):
                price = variant.cny if order.taxes_included else variant.cny * 100 // 113
                order.lines.append(Line(variant, 2 if die.random() < 0.15 else 1, price))
        goods = [line for line in order.lines if not line.variant.gift_card]
        if goods:
            order.shipping = 1200 if order.person.country == "CN" else 6900
        self._discount(die, order, goods)
        if order.shipping and not order.shipping_discount and order.person.country == "CN" and order.number % 12 == 5:
            order.is_collected, order.shipping = True, 0
        tax = contained_tax if order.taxes_included else added_tax
        for line in goods:
            line.tax = tax(line.net, order.tax_percent)
        order.shipping_tax = tax(order.shipping - order.shipping_discount, order.tax_percent)

    def _discount(self, die: random.Random, order: WebOrder, goods: list[Line]) -> None:
        kind = die.random()
        subtotal = sum(line.price * line.quantity for line in goods)
        if not goods or kind >= 0.3:
            return
        if kind < 0.14:
            order.code, order.code_kind, order.code_value = "WELCOME10", "percentage", "10.0"
            off = (subtotal + 5) // 10
        elif kind < 0.22:
            off = min(3000, subtotal)
            order.code, order.code_kind, order.code_value = "MINUS30", "fixed_amount", catalog.money(off, "CNY")
        elif kind < 0.293:
            order.code, order.code_kind, order.code_value = "FREESHIP", "shipping", "100.0"
            order.shipping_discount, off = order.shipping, 0
        else:
            order.code, order.code_kind, order.code_value = "STAFFGIFT", "percentage", "100.0"
            order.shipping, off = 0, subtotal
        for line, share in zip(goods, allocate(off, [line.price * line.quantity for line in goods]), strict=True):
            line.discount = share

    def _draw_future(self, die: random.Random, order: WebOrder) -> None:
        """Payment, shipping, cancellation and refunds, all within the follow-up window."""
        order.paid = order.created
        shipped = order.created + int(die.uniform(0.6, 3.5) * DAY)
        fate = die.random()
        goods = [at for at, line in enumerate(order.lines) if not line.variant.gift_card and line.net > 0]
        if order.total == 0 or order.test or len(goods) < len(order.lines):
            order.gateway = "manual" if order.total == 0 else "bogus" if order.test else order.gateway
            order.fulfilled = shipped
            return
        if fate < 0.02:
            order.paid, order.gateway = None, "bank_transfer"
            order.cancelled = order.created + int(die.uniform(0.5, 5) * DAY)
            order.cancel_reason = die.choice(("declined", "customer", "other"))
            return
        if fate < 0.045:
            order.cancelled = order.created + int(die.uniform(0.05, 0.55) * DAY)
            order.cancel_reason = die.choice(("customer", "inventory", "fraud"))
            lines = [_whole(at, line) for at, line in enumerate(order.lines)]
            self._refund(order, order.cancelled, lines, order.shipping - order.shipping_discount, order.tip)
            return
        order.fulfilled = shipped
        if fate < 0.07:
            order.gateway, order.paid = "Cash on Delivery (COD)", shipped + int(die.uniform(0.5, 3) * DAY)
            return
        if fate < 0.075:
            order.gateway, order.paid = "bank_transfer", order.created + int(die.uniform(0.2, 0.5) * DAY)
        if fate >= 0.21:
            return
        at = shipped + int(die.uniform(3, 30) * DAY)
        if fate < 0.14:
            self._refund(order, at, [_part(die, order.lines, die.choice(goods))], 0, 0)
            if len(goods) > 1 and die.random() < 0.2:
                taken = order.refunds[0].lines[0][0]
                second = _whole_at(order.lines, next(i for i in goods if i != taken))
                self._refund(order, at + int(die.uniform(1, 9) * DAY), [second], 0, 0)
        elif fate < 0.175 or order.person.country != "CN":
            lines = [_whole(i, order.lines[i]) for i in goods]
            self._refund(order, at, lines, order.shipping - order.shipping_discount, order.tip)
        else:
            self._return_in_store(die, order, at, goods)
        if die.random() < 0.06:
            order.refunds[0].failed_first = True

    def _refund(
        self,
        order: WebOrder,
        at: int,
        lines: list[tuple[int, int, int, int]],
        shipping: int,
        tip: int,
        gateway: str = "",
    ) -> None:
        added = 0 if order.taxes_included else sum(tax for *_, tax in lines) + (order.shipping_tax if shipping else 0)
        amount = sum(net for _, _, net, _ in lines) + added + shipping + tip
        order.refunds.append(Refund(at, lines, shipping, amount, gateway or order.gateway))

    def _return_in_store(self, die: random.Random, order: WebOrder, at: int, goods: list[int]) -> None:
        """The till books the return at once, the shop refunds the same amount a few days later at most."""
        store = die.choice(catalog.STORES_OF["CN"])
        hour = 3 + die.random() * 9
        till_at = at // DAY * DAY + int(hour * HOUR)
        lines = [_whole(i, order.lines[i]) for i in (goods if die.random() < 0.5 else goods[:1])]
        later = till_at + (600 if die.random() < 0.5 else int(die.uniform(0.2, 4) * DAY))
        self._refund(order, later, lines, 0, 0, "in_store")
        order.store_return = StoreReturn(till_at, store, lines, order.refunds[0].amount)


def _whole(at: int, line: Line) -> tuple[int, int, int, int]:
    return at, line.quantity, line.net, line.tax


def _whole_at(lines: list[Line], at: int) -> tuple[int, int, int, int]:
    return _whole(at, lines[at])


def _part(die: random.Random, lines: list[Line], at: int) -> tuple[int, int, int, int]:
    """One piece of a line, or the line."""
    line = lines[at]
    if line.quantity == 1 or die.random() < 0.3:
        return _whole(at, line)
    return at, 1, line.net // line.quantity, line.tax // line.quantity


def _door_opens(person: Person) -> int:
    """The first day the person may order: the day after the account, or the first day of a guest."""
    if person.guest_buyer:
        return person.joined
    return person.web_day + 1 if person.web_day < NEVER else NEVER
