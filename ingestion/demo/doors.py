"""The doors that only export files: marketplaces, counters and side shops, and what each gets to know of a buyer.

Belongs here: the doors' facts, who uses which, and how a buyer is written down there.
Does not belong here: what is bought (file_orders), the columns of the files (the layouts).

An account says the same of its buyer on every order, so whether its owner can be told does not change with time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from ingestion.demo.clock import SHANGHAI
from ingestion.demo.noise import NoiseRates, mixed_case, placeholder_phone, write_name, write_phone, wrong_phone
from ingestion.demo.population import Person, join_name
from ingestion.demo.registrations import member_number


@dataclass(frozen=True, slots=True)
class Door:
    """One system without an API; ``share`` of the people of ``countries`` use it, ``zone`` is that of its clocks.

    ``knows`` is what it gets to know of a buyer: an account or its nick alone, a card, what is typed at the checkout,
    what is noted at the counter, or nothing.
    """

    topic: str
    folder: str
    countries: tuple[str, ...]
    currency: str
    zone: str
    share: float
    knows: str
    salt: int
    books_zone: str = ""  # whose dates its books have, where these are not its own
    books_unpaid: bool = True  # whether an order is booked before it is paid
    every: int = 1  # nights from one export to the next

    @property
    def business_zone(self) -> str:
        """The zone that decides a business date."""
        return self.books_zone or self.zone


TMALL = Door("tmall", "tmall_orders", ("CN",), "CNY", SHANGHAI, 0.40, "account", 200, books_unpaid=False)
JD = Door("jd", "jd_orders", ("CN",), "CNY", SHANGHAI, 0.08, "nick", 220)
DOUYIN = Door("douyin", "douyin_orders", ("CN",), "CNY", SHANGHAI, 0.25, "nothing", 240)
YOUZAN = Door("youzan", "youzan_orders", ("CN",), "CNY", SHANGHAI, 0.15, "account", 260, books_unpaid=False)
SQUARE = Door("square", "square_transactions", ("CN", "DE", "JP"), "USD", "America/New_York", 0.10, "card", 280)
LOYVERSE = Door("loyverse", "loyverse_receipts", ("CN",), "CNY", SHANGHAI, 0.20, "counter", 300)
OLD_SHOP = Door(
    "old_shop", "shopify_orders_csv", ("DE",), "EUR", "Europe/Berlin", 0.30, "checkout", 320, SHANGHAI, every=3
)
PHONE_DESK = Door("phone_desk", "orders", ("JP",), "JPY", "Asia/Tokyo", 0.30, "account", 340, every=3)
DOORS = (TMALL, JD, DOUYIN, YOUZAN, SQUARE, LOYVERSE, OLD_SHOP, PHONE_DESK)


@dataclass(slots=True)
class Buyer:
    """What a door knows of a buyer, as written there; ``undecidable`` when that fits two people, or nobody."""

    key: str | None = None
    family: str = ""
    given: str = ""
    country: str = ""
    phone: str | None = None
    email: str | None = None
    member_no: str | None = None
    undecidable: bool = False
    tags: set[str] = field(default_factory=set)

    @property
    def name(self) -> str | None:
        """The full name in the order of its script."""
        return join_name(self.country, self.family, self.given) if self.given else None


def uses(person: Person, door: Door) -> bool:
    """Whether the person ever comes through the door."""
    return person.country in door.countries and person.trait(door.salt).random() < door.share


def account_key(person: Person, door: Door) -> str:
    """The account's name: a nick, the same for life and nobody else's there."""
    die, number = person.trait(door.salt + 1), person.index
    latin = f"{person.given_latin}{person.family_latin}".lower().replace("ü", "u")
    if door is TMALL:
        return f"{person.given}{number * 7 + 11}" if die.random() < 0.5 else f"tb{number * 9_091 + 1_000_003}"
    if door is JD:
        return f"jd_{number * 2_654_435_761 % 2**44:011x}" if die.random() < 0.6 else f"{latin}{number}_p"
    if door is PHONE_DESK:
        return f"T{number * 3 + 100_007}"
    return f"{door.topic}_{number * 48_271 + 10_000_019}"


def _named(die: random.Random, person: Person, rates: NoiseRates, buyer: Buyer) -> None:
    native, latin = (person.family, person.given), (person.family_latin, person.given_latin)
    buyer.family, buyer.given = write_name(die, native, latin, rates, buyer.tags)
    buyer.country = person.country


def _phone(die: random.Random, person: Person, day: int, rates: NoiseRates, home: str | None, buyer: Buyer) -> None:
    number = person.phone(day)
    if die.random() < rates.wrong_phone:
        number = wrong_phone(die, number)
        buyer.tags.add("wrong_phone")
        buyer.undecidable = not buyer.name
    elif person.shares_phone or person.passed_on(number):
        buyer.tags.add("shared_phone" if person.shares_phone else "recycled_phone")
        buyer.undecidable = not buyer.name
    buyer.phone = write_phone(die, number, home)


def account_buyer(person: Person, door: Door, day: int, rates: NoiseRates) -> Buyer:
    """The buyer as the account shows them: most with a phone, some with a name, an eighth with the nick alone."""
    die = person.trait(door.salt + 2)
    buyer = Buyer(key=account_key(person, door))
    if door.knows == "nick":
        return nick_only(buyer)
    with_phone, with_name = die.random() < 0.88, die.random() < 0.7
    if with_name:
        _named(die, person, rates, buyer)
    if with_phone:
        _phone(die, person, day, rates, person.country, buyer)
        return buyer
    return nick_only(buyer)


def nick_only(buyer: Buyer) -> Buyer:
    """Nothing but a nick, perhaps beside a bare name: it could be anybody's."""
    buyer.tags.add("nick_only")
    buyer.undecidable = True
    return buyer


def shop_account(person: Person, door: Door, day: int, rates: NoiseRates) -> Buyer | None:
    """The person's account at a side shop, with the e-mail of the day; a third buy without one."""
    die = person.trait(door.salt + 3)
    if die.random() < 0.33:
        return None
    buyer = Buyer(key=str(4_400_000_000_000 + person.index * 65_537))
    _named(die, person, rates, buyer)
    buyer.email = person.email(day)
    if die.random() < 0.5:
        _phone(die, person, day, rates, None, buyer)
        buyer.undecidable = False  # the e-mail tells
    return buyer


def desk_account(person: Person, door: Door, day: int, rates: NoiseRates) -> Buyer:
    """The person's card at the telephone desk: as on the orders, half of them with an e-mail."""
    buyer = account_buyer(person, door, day, rates)
    if person.trait(door.salt + 3).random() < 0.5:
        buyer.email = person.email(day)
        buyer.undecidable = False
    return buyer


def card_buyer(die: random.Random, person: Person, door: Door, day: int) -> Buyer:
    """A customer on file at the pop-up counter, with the loyalty card as reference; nobody without a card."""
    member_no = member_number(person, day)
    if member_no is None or die.random() < 0.35:
        return Buyer()
    buyer = Buyer(key=f"{person.trait(door.salt + 1).getrandbits(128):032X}"[:26], member_no=member_no)
    buyer.family, buyer.given, buyer.country = person.family, person.given, person.country
    return buyer


def checkout_buyer(die: random.Random, person: Person, day: int, rates: NoiseRates) -> Buyer:
    """What a buyer types at a checkout: a name, an e-mail, and now and then a phone."""
    buyer = Buyer()
    _named(die, person, rates, buyer)
    buyer.email = mixed_case(die, person.email(day)).strip()
    if die.random() < 0.4:
        _phone(die, person, day, rates, None, buyer)
        buyer.undecidable = False  # the e-mail tells
    return buyer


def counter_buyer(die: random.Random, person: Person, day: int, rates: NoiseRates) -> Buyer:
    """What a counter notes: mostly nothing, else a name with a phone, a phone alone, or a bare name."""
    buyer, style = Buyer(), die.random()
    if style < 0.55:
        return buyer
    if style < 0.90:
        _named(die, person, rates, buyer)
    if style < 0.60:
        buyer.tags.add("name_only_bare")
        buyer.undecidable = True
    elif die.random() < rates.placeholder_phone:
        buyer.phone = placeholder_phone(die, person.country, rates)
        buyer.tags.add("placeholder_phone")
        buyer.undecidable = True
    else:
        _phone(die, person, day, rates, person.country, buyer)
    return buyer
