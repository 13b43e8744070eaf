"""What people once registered in a system: web shop accounts, loyalty cards and service desk users, with their
versions.

Belongs here: which registrations a person has, since when, with which contacts over time, and what is wrong with
them.
Does not belong here: the systems' own document layouts (webshop_documents, tills, desk).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.demo.catalog import STORES_OF
from ingestion.demo.clock import DAY
from ingestion.demo.noise import NoiseRates, mixed_case, placeholder_phone, write_name, write_phone, wrong_phone
from ingestion.demo.population import NEVER, Person, join_name, moment

_REPORTS_CHANGES = {"web": 0.8, "card": 0.35, "desk": 0.35}  # share of persons that report a new contact to the system


@dataclass(slots=True)
class Version:
    """The contacts of a registration from an instant on."""

    at: int
    phone: str | None
    email: str | None
    level: str = ""


@dataclass(slots=True)
class Registration:
    """One row of a system that stands for one person; ``versions`` are in time order, the first is its creation."""

    kind: str  # web, card, desk
    record_id: str
    person: Person
    family: str
    given: str
    versions: list[Version]
    undecidable: bool = False
    tags: set[str] = field(default_factory=set)
    store_id: str = ""
    linked_login: str | None = None
    voice: bool = False

    @property
    def created(self) -> int:
        """The instant of the first version."""
        return self.versions[0].at

    @property
    def full_name(self) -> str:
        """The name in the order of its script."""
        return join_name(self.person.country, self.family, self.given)

    def at(self, instant: int) -> Version:
        """The newest version at an instant (the first one before it exists)."""
        found = self.versions[0]
        for version in self.versions[1:]:
            if version.at <= instant:
                found = version
        return found

    def changed_between(self, after: int, until: int) -> bool:
        """Whether a version begins within (after, until]."""
        return any(after < version.at <= until for version in self.versions)


def web_account_id(person: Person, number: int) -> int:
    """The web shop's customer id of a person's first or second account; also the login of web events."""
    return 6_940_000_000_000 + (person.index * 2 + number) * 32_771 + 365


def web_account_at(person: Person, day: int, second: bool) -> int | None:
    """The account the person would use on the day, or None."""
    if second and person.second_account_day < day:
        return web_account_id(person, 1)
    return web_account_id(person, 0) if person.web_day < day else None


def member_number(person: Person, day: int) -> str | None:
    """The card the person carries on the day, or None."""
    if person.card_day >= day:
        return None
    return _card_id(person, 1 if person.card_replaced < day else 0)


def _card_id(person: Person, number: int) -> str:
    return f"M{(person.index * 2 + number) * 37 + 10_000_019}"


def card_details(person: Person) -> tuple[bool, bool]:
    """(whether the card's form has the street, whether it has the birth date)."""
    die = person.trait(131)
    return die.random() < 0.65, die.random() < 0.75


def carries_street(person: Person) -> bool:
    """Whether a registration or guest order of the person ever carries the street."""
    return person.guest_buyer or person.web_day < NEVER or (person.card_day < NEVER and card_details(person)[0])


def carries_birth_date(person: Person) -> bool:
    """Whether a registration of the person ever carries the birth date."""
    return person.card_day < NEVER and card_details(person)[1]


def registrations_of(person: Person, rates: NoiseRates) -> list[Registration]:
    """Every registration the person will ever have."""
    made = []
    if person.web_day < NEVER:
        made.append(_web(person, 0, rates))
        if person.second_account_day < NEVER:
            made.append(_web(person, 1, rates))
    if person.card_day < NEVER:
        made.append(_card(person, 0, rates))
        if person.card_replaced < NEVER:
            made.append(_card(person, 1, rates))
    if person.desk_day < NEVER:
        made.append(_desk(person, rates))
    if person.desk_voice_day < NEVER:
        made.append(_desk_voice(person, rates))
    return made


def _name(person: Person, salt: int, rates: NoiseRates, tags: set[str]) -> tuple[str, str]:
    native, latin = (person.family, person.given), (person.family_latin, person.given_latin)
    return write_name(person.trait(salt), native, latin, rates, tags)


def _person_tags(person: Person) -> set[str]:
    tags = set()
    for name, present in (
        ("couple", person.partner is not None),
        ("shared_phone", person.shares_phone),
        ("same_initial", person.same_initial),
        ("two_phones", person.second_phone is not None),
        ("changed_phone", len(person.phones) > 1 and person.phones[1][0] <= 0),
        ("changed_email", len(person.emails) > 1 and person.emails[1][0] <= 0),
        ("recycled_phone", person.took_over or person.passed_on_to is not None),
    ):
        if present:
            tags.add(name)
    return tags


def _versions(
    person: Person, kind_of_system: str, since_day: int, salt: int, phone: bool, email: bool
) -> list[Version]:
    """Creation and every later change of a contact that the person reports to the system."""
    die = person.trait(salt + 1)
    home = person.country if kind_of_system == "card" else None

    def contacts(day: int) -> tuple[str | None, str | None]:
        written = write_phone(die, person.phone(day), home) if phone else None
        return written, mixed_case(die, person.email(day)) if email else None

    versions = [Version(moment(person, since_day, salt), *contacts(since_day))]
    changes = [(day, "phone") for day, _ in person.phones[1:]] + [(day, "email") for day, _ in person.emails[1:]]
    for day, kind in sorted(changes):
        if day > since_day and person.trait(salt + 2).random() < _REPORTS_CHANGES[kind_of_system]:
            new_phone, new_email = contacts(day)
            if (kind == "phone" and phone) or (kind == "email" and email):
                last = versions[-1]
                versions.append(
                    Version(
                        moment(person, day, salt),
                        new_phone if kind == "phone" else last.phone,
                        new_email if kind == "email" else last.email,
                    )
                )
    return versions


def _web(person: Person, number: int, rates: NoiseRates) -> Registration:
    tags = _person_tags(person)
    family, given = _name(person, 11 + number, rates, tags)
    die = person.trait(21 + number)
    day = person.second_account_day if number else person.web_day
    with_phone = die.random() < (0.85 if person.country != "DE" else 0.5) or person.shares_phone
    versions = _versions(person, "web", day, 30 + 3 * number, with_phone, True)
    if number:
        tags.add("second_account")
        versions = [Version(v.at, v.phone, f"me.{person.emails[0][1]}") for v in versions[:1]]
    if with_phone and die.random() < rates.wrong_phone:
        tags.add("wrong_phone")
        versions[0].phone = wrong_phone(die, person.phone(day))
    for version in versions:  # the shop itself brings phones and e-mails into one form
        version.phone = _shop_form(person, version.phone)
        version.email = version.email.strip().lower() if version.email else None
    return Registration("web", str(web_account_id(person, number)), person, family, given, versions, tags=tags)


def _shop_form(person: Person, written: str | None) -> str | None:
    if written is None:
        return None
    digits = "".join(letter for letter in written.replace("(0)", "") if letter.isdigit())
    return "+" + digits.removeprefix("00")


def _card(person: Person, number: int, rates: NoiseRates) -> Registration:
    tags = _person_tags(person)
    family, given = _name(person, 41 + number, rates, tags)
    die = person.trait(51 + number)
    day = person.card_replaced if number else person.card_day
    versions = _versions(person, "card", day, 61 + 4 * number, True, die.random() < 0.5)
    if person.second_phone and person.registers_second_phone:
        tags.add("second_phone")
        written = write_phone(die, person.second_phone, person.country)
        for version in versions:
            version.phone = written
    elif die.random() < rates.wrong_phone:
        tags.add("wrong_phone")
        versions[0].phone = write_phone(die, wrong_phone(die, person.phone(day)), person.country)
    if die.random() < rates.placeholder_phone:
        tags.add("placeholder_phone")
        versions[0].phone = placeholder_phone(die, person.country, rates)
    level = person.card_level
    for version in versions:
        version.level = level
    if level == "basic" and die.random() < 0.3 and not number:
        raised = versions[-1]
        at = raised.at + DAY * die.randint(60, 500)
        versions.append(Version(at, raised.phone, raised.email, "silver"))
    if person.card_replaced < NEVER:
        tags.add("replaced_card")
    store = die.choice(STORES_OF[person.country]).store_id
    record_id = _card_id(person, number)
    return Registration("card", record_id, person, family, given, versions, tags=tags, store_id=store)


def _desk(person: Person, rates: NoiseRates) -> Registration:
    tags = _person_tags(person)
    family, given = _name(person, 71, rates, tags)
    die = person.trait(81)
    with_phone = person.web_day == NEVER or die.random() < 0.5
    login = str(web_account_id(person, 0)) if person.desk_linked and person.web_day <= person.desk_day else None
    versions = _versions(person, "desk", person.desk_day, 90, with_phone, True)
    record_id = str(1_900_000_000_000 + person.index * 2 * 4_099 + 17)
    return Registration("desk", record_id, person, family, given, versions, tags=tags, linked_login=login)


def _desk_voice(person: Person, rates: NoiseRates) -> Registration:
    """A caller: the desk knows the number and, half of the time, a name the agent asked for."""
    tags = _person_tags(person)
    die = person.trait(101)
    day = person.desk_voice_day
    second = person.second_phone if person.shows_second_phone(day) and die.random() < 0.5 else None
    number = second or person.phone(day)
    family = given = ""
    if die.random() < 0.5:
        family, given = _name(person, 111, rates, tags)
    else:
        tags.add("nameless")
    undecidable = (person.shares_phone or person.passed_on(number)) and not given
    record_id = str(1_900_000_000_000 + (person.index * 2 + 1) * 4_099 + 17)
    version = Version(moment(person, day, 120), number, None)
    return Registration(
        "desk", record_id, person, family, given, [version], undecidable=undecidable, tags=tags, voice=True
    )
