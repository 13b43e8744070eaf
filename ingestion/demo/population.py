"""The people behind the records: who they are, where they live, how they are reached, and when that changes.

Belongs here: persons and their life events as pure functions of seed and size.
Does not belong here: what any system writes about them, and how it is misspelt.

Person 0 … persons - 1 joined within the 24 months before night 1; ``persons / 1000`` a day join after it.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ingestion.demo import names
from ingestion.demo.clock import DAY, FIRST_DAY, day_start, dice, generator
from ingestion.demo.noise import NoiseRates

NEVER = 1_000_000
RECYCLE_GAP = 120  # days between the last use by the old owner and the first by the new one
LIFE_AFTER = 700  # days after night 1 over which life goes on for those who were there


@dataclass(slots=True)
class Person:
    """One human being. Days are simulation days; ``phones`` and ``emails`` are (first day, value) in time order."""

    index: int
    person_id: str
    code: int  # fixed chance of this person; see ``trait``
    country: str
    gender: str
    family: str
    given: str
    family_latin: str
    given_latin: str
    birth_date: str
    street: str
    postcode: str
    joined: int
    left: int
    weight: float
    phones: list[tuple[int, str]]
    emails: list[tuple[int, str]]
    second_phone: str | None = None
    partner: int | None = None
    shares_phone: bool = False
    same_initial: bool = False
    passed_on_to: int | None = None
    took_over: bool = False
    web_day: int = NEVER  # the day of the web shop account
    guest_buyer: bool = False
    second_account_day: int = NEVER
    card_day: int = NEVER
    card_replaced: int = NEVER
    card_level: str = "basic"
    desk_day: int = NEVER
    desk_voice_day: int = NEVER
    desk_linked: bool = False
    consents: bool = False
    devices: list[str] = field(default_factory=list)
    shared_device: bool = False

    def phone(self, day: int) -> str:
        """The main phone in use on a day."""
        return _current(self.phones, day)

    def email(self, day: int) -> str:
        """The e-mail in use on a day."""
        return _current(self.emails, day)

    @property
    def registers_second_phone(self) -> bool:
        """Whether the card carries the second phone, if there is one."""
        return self.second_phone is not None and self.index % 3 != 0

    def shows_second_phone(self, day: int) -> bool:
        """Whether the second phone may be given on the day: only where a fuller record carries it, too."""
        if self.second_phone is None:
            return False
        return self.guest_buyer or (self.registers_second_phone and self.card_day < day)

    def passed_on(self, number: str) -> bool:
        """Whether the number was a stranger's before, or is one's later: then it fits two people without a name."""
        return number == self.phones[0][1] and (self.took_over or self.passed_on_to is not None)

    def trait(self, salt: int) -> random.Random:
        """A generator of this person and purpose: the same draws on every night."""
        return random.Random(self.code ^ (salt * 0x9E3779B97F4A7C15))


def _current(timeline: list[tuple[int, str]], day: int) -> str:
    value = timeline[0][1]
    for since, later in timeline[1:]:
        if since <= day:
            value = later
    return value


def join_name(country: str, family: str, given: str) -> str:
    """A full name in the order of its script: family first for Han and kanji, given first in Latin letters."""
    if country == "DE" or given.isascii():
        return f"{given} {family}"
    return f"{family} {given}" if country == "JP" else f"{family}{given}"


def newcomers_until(persons: int, day: int) -> int:
    """How many people joined on days 1 … day."""
    return max(0, day) * persons // 1000


class Population:
    """Everybody who has joined by a day; grows as later days are asked for."""

    def __init__(self, persons: int, seed: int, rates: NoiseRates) -> None:
        self.size = persons
        self.seed = seed
        self.rates = rates
        self.people: list[Person] = []
        self.through_day = 0
        self.handed_on: set[int] = set()  # those whose old number went to somebody who joined after night 1
        self._build(0, persons)

    def grow(self, day: int) -> list[Person]:
        """Make sure everybody who joined by the day exists, and return all people."""
        while self.through_day < day:
            self.through_day += 1
            first = self.size + newcomers_until(self.size, self.through_day - 1)
            after = self.size + newcomers_until(self.size, self.through_day)
            self._build(self.through_day, after - first)
        return self.people

    def joined_by(self, day: int) -> int:
        """How many of ``people`` exist on a day, however far the list has grown since."""
        return self.size + newcomers_until(self.size, day)

    def _build(self, block: int, count: int) -> None:
        start = len(self.people)
        made = [self._person(die, start + at, block) for at, die in enumerate(dice(self.seed, block, "persons", count))]
        self.people.extend(made)
        rng = random.Random(int(generator(self.seed, block, "couples").integers(0, 2**62)))
        self._make_couples(rng, made)
        if block == 0:
            self._settle(rng, made)
        for person in made if block else ():
            if person.took_over:
                self._take_over(rng, person)

    def _make_couples(self, rng: random.Random, made: list[Person]) -> None:
        """Pair neighbours in the list, as many as the rates ask for; those who share a phone or device among them."""
        rates = self.rates
        places = list(range(len(made) // 2))
        rng.shuffle(places)
        if len(made) >= 20:
            wanted = math.ceil(rates.couples * len(made) / 2)
            phones = math.ceil(rates.shared_phone * len(made) / 2)
            initials = math.ceil(rates.same_initial * phones)
            devices = math.ceil(rates.shared_device * len(made) / 2)
            step = max(1, wanted // max(1, devices))  # devices are spread over couples with and without one phone
            for rank, place in enumerate(places[:wanted]):
                one, other = made[2 * place], made[2 * place + 1]
                self._couple(rng, one, other, rank < phones, rank < initials, rank % step == 0 and devices > 0)
            return
        for place in places:
            if rng.random() < rates.couples:
                shared = rng.random() < rates.shared_phone / max(rates.couples, 1e-9)
                same = shared and rng.random() < rates.same_initial
                self._couple(
                    rng,
                    made[2 * place],
                    made[2 * place + 1],
                    shared,
                    same,
                    rng.random() < rates.shared_device / max(rates.couples, 1e-9),
                )

    def _person(self, die: random.Random, index: int, block: int) -> Person:
        country = die.choices(("CN", "DE", "JP"), (0.60, 0.22, 0.18))[0]
        gender = die.choice("fm")
        family, family_latin = names.pick_surname(die, country)
        given, given_latin = names.pick_given(die, country, gender)
        from_the_start = die.random() < 0.15
        joined = block or (FIRST_DAY if from_the_start else FIRST_DAY + int(die.random() * (-FIRST_DAY + 1)))
        left = joined + 60 + int(die.expovariate(1 / 400)) if die.random() < 0.35 else NEVER
        person = Person(
            index=index,
            person_id=f"p{index:07d}",
            code=die.getrandbits(62),
            country=country,
            gender=gender,
            family=family,
            given=given,
            family_latin=family_latin,
            given_latin=given_latin,
            birth_date=f"{die.randint(1948, 2007)}-{die.randint(1, 12):02d}-{die.randint(1, 28):02d}",
            street=names.pick_street(die, country),
            postcode=_postcode(die, country),
            joined=joined,
            left=left,
            weight=min(3.0, die.gammavariate(1.3, 1.0) + 0.2),
            phones=[],
            emails=[],
        )
        self._channels(die, person)
        self._life_events(die, person, block)
        person.devices = [device_id(self.seed, index, number) for number in range(2 if die.random() < 0.35 else 1)]
        return person

    def _channels(self, die: random.Random, person: Person) -> None:
        """Through which doors the person comes, and since when."""
        style = die.random()  # web only, till only, both
        online, in_store = style < 0.30 or style >= 0.55, style >= 0.30
        if online:
            person.guest_buyer = die.random() < 0.28
            if not person.guest_buyer:
                person.web_day = person.joined + (0 if die.random() < 0.7 else die.randint(1, 60))
                if die.random() < 0.03:
                    person.second_account_day = person.web_day + die.randint(60, 400)
        if in_store and die.random() < 0.58:
            person.card_day = person.joined + (0 if die.random() < 0.5 else die.randint(1, 90))
            person.card_level = die.choices(("basic", "silver", "gold"), (0.7, 0.2, 0.1))[0]
        if die.random() < 0.45:
            person.desk_day = person.joined + die.randint(0, 40)
            person.desk_linked = die.random() < 0.6
        if die.random() < 0.22:
            person.desk_voice_day = person.joined + die.randint(0, 120)
        person.consents = die.random() < 0.4

    def _life_events(self, die: random.Random, person: Person, block: int) -> None:
        """What happens after night 1; the first 24 months are dealt out by ``_settle``, so that every rate is met."""
        rates = self.rates
        first, third = _phone(person.index, person.country, 0), _phone(person.index, person.country, 3)
        person.phones = [(person.joined, first)]
        person.emails = [(person.joined, _email(die, person.family_latin, person.given_latin, person.index, 0))]
        if die.random() < rates.changed_phone:
            person.phones.append((max(person.joined, 0) + 1 + die.randrange(LIFE_AFTER), third))
        if die.random() < rates.changed_email:
            value = _email(die, person.family_latin, person.given_latin, person.index, 2)
            person.emails.append((max(person.joined, 0) + 1 + die.randrange(LIFE_AFTER), value))
        if block and die.random() < rates.two_phones:
            person.second_phone = _phone(person.index, person.country, 2)
        if block and person.card_day < NEVER and die.random() < rates.replaced_card:
            person.card_replaced = person.card_day + die.randint(20, 500)
        if block and die.random() < rates.recycled_phone:
            person.took_over = True

    def _settle(self, rng: random.Random, made: list[Person]) -> None:
        """Deal out the changes of the first 24 months: exactly as many as the rates say."""
        rates = self.rates
        order = made[:]
        rng.shuffle(order)
        movers = [p for p in order if p.joined < -30 and not p.shares_phone]
        early = [p for p in movers if p.joined < -RECYCLE_GAP - 60]
        givers = early[: math.ceil(rates.recycled_phone * len(made))]
        for person in givers:
            self._move(rng, person, -420, -RECYCLE_GAP - 10)
        self._hand_on_numbers(givers)
        quota = math.ceil(rates.changed_phone * len(made)) - len(givers)
        others = [p for p in movers if p.passed_on_to is None and not p.took_over and p not in givers]
        for person in others[: max(0, quota)]:
            self._move(rng, person, FIRST_DAY, 0)
        rng.shuffle(order)
        for person in [p for p in order if p.joined < -5][: math.ceil(rates.changed_email * len(made))]:
            value = _email(rng, person.family_latin, person.given_latin, person.index, 1)
            person.emails.insert(1, (rng.randint(person.joined + 1, 0), value))
        rng.shuffle(order)
        for person in order[: math.ceil(rates.two_phones * len(made))]:
            person.second_phone = _phone(person.index, person.country, 2)
        holders = [p for p in order if p.card_day < -40]
        for person in holders[: math.ceil(rates.replaced_card * len(made))]:
            person.card_replaced = rng.randint(person.card_day + 10, 0)

    def _move(self, rng: random.Random, person: Person, earliest: int, latest: int) -> None:
        day = rng.randint(max(person.joined + 1, earliest), latest)
        person.phones.insert(1, (day, _phone(person.index, person.country, 1)))

    def _couple(
        self, rng: random.Random, one: Person, other: Person, shares_phone: bool, same_initial: bool, device: bool
    ) -> None:
        """Two adults at one address; some use one phone, a fifth of those with one surname and initial."""
        one.partner, other.partner = other.index, one.index
        other.country, other.street, other.postcode = one.country, one.street, one.postcode
        other.gender = "m" if one.gender == "f" else "f"
        if same_initial or rng.random() < 0.6:
            other.family, other.family_latin = one.family, one.family_latin
        else:
            other.family, other.family_latin = names.pick_surname(rng, one.country)
        initial = one.given_latin[0] if same_initial else None
        other.given, other.given_latin = names.pick_given(rng, other.country, other.gender, initial)
        other.phones = [
            (since, _phone(other.index, other.country, 3 if at else 0)) for at, (since, _) in enumerate(other.phones)
        ]
        other.second_phone = _phone(other.index, other.country, 2) if other.second_phone else None
        other.emails = [
            (since, _email(rng, other.family_latin, other.given_latin, other.index, 2 * at))
            for at, (since, _) in enumerate(other.emails)
        ]
        if shares_phone:
            one.shares_phone = other.shares_phone = True
            other.weight = one.weight  # they shop together
            one.same_initial = other.same_initial = same_initial
            one.phones = one.phones[:1]
            other.phones = [(other.joined, one.phones[0][1])]
        if device:
            one.shared_device = other.shared_device = True
            other.devices[0] = one.devices[0]

    def _hand_on_numbers(self, givers: list[Person]) -> None:
        """Give the old numbers of those who changed theirs to strangers who joined long enough after."""
        takers = sorted(
            (p for p in self.people if len(p.phones) == 1 and not p.shares_phone and p.joined > FIRST_DAY),
            key=lambda p: (p.joined, p.index),
        )
        for giver in sorted(givers, key=lambda p: (-p.phones[1][0], p.index)):
            gap_over = giver.phones[1][0] + RECYCLE_GAP
            fits = (
                p
                for p in takers
                if p.joined >= gap_over
                and p.country == giver.country
                and p.index != giver.partner
                and p.given != giver.given  # a namesake could not be told from the one who gave the number up
            )
            taker = next(fits, None)
            if taker is None:
                continue
            takers.remove(taker)
            giver.passed_on_to = taker.index
            taker.took_over = True
            taker.phones = [(taker.joined, giver.phones[0][1])]

    def _take_over(self, rng: random.Random, person: Person) -> None:
        """A newcomer gets a number that somebody gave up long before."""
        for _ in range(200):
            giver = self.people[rng.randrange(self.size)]
            if (
                len(giver.phones) > 1
                and giver.index not in self.handed_on
                and giver.phones[1][0] <= person.joined - RECYCLE_GAP
                and giver.country == person.country
                and giver.passed_on_to is None
                and not person.shares_phone
            ):
                self.handed_on.add(giver.index)
                person.phones[0] = (person.joined, giver.phones[0][1])
                return
        person.took_over = False


def _postcode(die: random.Random, country: str) -> str:
    if country == "CN":
        return f"2000{die.randint(10, 99)}"
    if country == "DE":
        return f"{die.randint(10115, 14199)}"
    return f"{die.randint(100, 182)}-00{die.randint(10, 99)}"


def _phone(index: int, country: str, number: int) -> str:
    """A valid mobile number nobody else has; ``number`` counts the person's own."""
    spread = (index * 4 + number) * 7_368_787 + 31_415_926
    if country == "CN":
        prefix = ("135", "136", "137", "138", "139", "150", "152", "157", "158", "159", "182", "187", "188")[
            spread % 13
        ]
        return f"+86{prefix}{spread % 99_999_989:08d}"
    if country == "DE":
        prefix = ("151", "152", "157", "160", "170", "171", "175", "176")[spread % 8]
        if prefix in ("151", "152", "157", "176"):
            return f"+49{prefix}{spread % 99_999_989:08d}"
        return f"+49{prefix}{spread % 9_999_991:07d}"
    return f"+81{('90', '80', '70')[spread % 3]}{20_000_000 + spread % 69_999_997:08d}"


def _email(die: random.Random, family_latin: str, given_latin: str, index: int, number: int) -> str:
    domain = die.choice(("qmail.example", "mail163.example", "postfach.example", "yahho.example", "inbox.example"))
    stem = names.plain_latin(f"{given_latin}.{family_latin}").lower().replace("ü", "u")
    return f"{stem}{index * 13 % 9973 + 10}{('', 'x', 'y')[number]}{index // 9973 or ''}@{domain}"


def device_id(seed: int, index: int, number: int) -> str:
    """An anonymous id as the web SDK makes them."""
    digest = hashlib.md5(f"{seed}/{index}/{number}".encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"


def moment(person: Person, day: int, salt: int) -> int:
    """A fixed instant of a person within a day, for life events that reach a system."""
    return day_start(day) + (person.index * 7919 + salt * 104_729) % (DAY - 3_600) + 1_800


class Crowd:
    """Who may come through one door, with how much weight, from which day on."""

    def __init__(self, since: Callable[[Person], int], affinity: Callable[[Person], float]) -> None:
        self.since_of = since
        self.affinity_of = affinity
        self.people: list[Person] = []
        self.since = np.empty(0)
        self.left = np.empty(0)
        self.weight = np.empty(0)

    def pick(self, people: list[Person], day: int, rng: np.random.Generator, number: int) -> list[Person]:
        """``number`` persons (with repetition) of those who come through this door on the day."""
        if len(people) > len(self.people):
            new = people[len(self.people) :]
            self.since = np.concatenate([self.since, [self.since_of(p) for p in new]])
            self.left = np.concatenate([self.left, [p.left for p in new]])
            self.weight = np.concatenate([self.weight, [p.weight * self.affinity_of(p) for p in new]])
            self.people = list(people)
        bounds = np.cumsum(np.where((self.since <= day) & (day < self.left), self.weight, 0.0))
        if number == 0 or len(bounds) == 0 or bounds[-1] <= 0:
            return []
        found = np.searchsorted(bounds, rng.random(number) * bounds[-1], side="right")
        return [self.people[at] for at in found]
