"""What the company says to its customers: the message log of SMS, e-mail, push and WeCom, drawn once on its day.

Belongs here: who is written to over which channel, what becomes of the message, and the nightly files of JSON lines.
Does not belong here: web events (events), orders.

Whoever unsubscribes is not written to again.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass

from ingestion.demo.clock import (
    DAY,
    FIRST_EVENT_DAY,
    HOUR,
    SHANGHAI,
    day_start,
    dice,
    generator,
    local_date,
    night_instant,
    utc_text,
)
from ingestion.demo.population import NEVER, Crowd, Person, Population
from ingestion.demo.registrations import member_number
from ingestion.demo.systems import Row, json_text
from ingestion.demo.volume import count_on

_ANSWER_DAYS = 3  # whatever becomes of a message becomes of it within this many days
_SHARE_REPEATED = 0.02
_CAMPAIGNS = (
    ("summer_arrivals", "new_in_v3"),
    ("member_day", "member_points_v1"),
    ("win_back", "we_miss_you_v2"),
    ("sale_preview", "sale_v5"),
)
_OPENED = {"sms": 0.0, "email": 0.34, "push": 0.22, "wecom": 0.55}
_BOUNCED = {"sms": 0.02, "email": 0.03, "push": 0.06, "wecom": 0.01}


@dataclass(slots=True)
class LoggedEvent:
    """One line of the log, and whom it is truly about."""

    at: int
    message_id: str
    line: str
    truth: Row


class Messages:
    """Draws the messages of a day, and sorts what became of them into nights."""

    folder = "messages"

    def __init__(self, population: Population) -> None:
        self.population = population
        self.crowd = Crowd(lambda person: person.joined, lambda person: 1.0 if person.consents else 0.0)
        self.leaving: dict[int, list[Person]] = {}
        self.asked = 0
        self.drawn: dict[int, list[LoggedEvent]] = {}

    def dropped(self, night: int) -> tuple[dict[str, bytes], list[Row], int]:
        """(the night's files by landing path, truth records of the addresses in them, number of new lines)."""
        until = night_instant(night)
        after = until - DAY if night > 1 else day_start(FIRST_EVENT_DAY) - DAY
        first = FIRST_EVENT_DAY if night == 1 else max(FIRST_EVENT_DAY, night - 3 - _ANSWER_DAYS)
        events = [event for day in range(first, night) for event in self._on(day)]
        for day in [day for day in self.drawn if day < night - 3 - _ANSWER_DAYS]:
            del self.drawn[day]
        fresh = _between(events, after, until)
        if not fresh:
            return {}, [], 0
        again = _repeated(_between(events, after - DAY, after)) if night > 1 else []
        content = "".join(f"{event.line}\n" for event in [*fresh, *again]).encode()
        files = {f"messages/messages-{local_date(until - 1, SHANGHAI)}.jsonl": content}
        return files, list(dict.fromkeys(event.truth for event in fresh)), len(fresh)

    def _on(self, day: int) -> list[LoggedEvent]:
        if day not in self.drawn:
            self.drawn[day] = list(self._draw(day))
        return self.drawn[day]

    def _draw(self, day: int) -> Iterable[LoggedEvent]:
        population = self.population
        people = population.grow(day)
        for person in people[self.asked :]:
            self.leaving.setdefault(_leaves(person), []).append(person)
        self.asked = len(people)
        number = count_on(population.size, population.seed, day, "messages")
        rng = generator(population.seed, day, "messages")
        last = [person for person in self.leaving.get(day, ()) if person.consents and person.joined <= day]
        chosen = [p for p in self.crowd.pick(people, day, rng, number) if _leaves(p) > day]
        rolls = dice(population.seed, day, "message", len(last) + len(chosen))
        for at, (die, person) in enumerate(zip(rolls, [*last, *chosen], strict=True)):
            yield from _message(die, person, day, at, leaves=at < len(last))


def _leaves(person: Person) -> int:
    """The day the person unsubscribes."""
    die = person.trait(401)
    return FIRST_EVENT_DAY + int(die.random() * 800) if die.random() < 0.25 else NEVER


def _message(die: random.Random, person: Person, day: int, number: int, leaves: bool) -> Iterable[LoggedEvent]:
    channel, address, truth = _address(die, person, day)
    campaign, template = _CAMPAIGNS[day // 7 % len(_CAMPAIGNS)]
    if die.random() < 0.15:
        campaign, template = "order_updates", "status_v2"
    message_id = f"msg-{day + 1000:04d}-{number:05d}-{die.getrandbits(32):08x}"
    sent = day_start(day) + 16 * HOUR + die.randint(0, 3 * HOUR)
    told = [("sent", sent)]
    if not leaves and die.random() < _BOUNCED[channel]:
        told.append(("bounced", sent + die.randint(1, 600)))
    else:
        told.append(("delivered", sent + die.randint(1, 90)))
        opened = told[-1][1] + int(die.expovariate(1 / (5 * HOUR))) + 20
        opens, clicks = die.random() < _OPENED[channel], die.random() < 0.2
        if opens or (leaves and channel != "sms"):
            told.append(("opened", min(opened, sent + 2 * DAY)))
        if clicks and (opens or (channel == "sms" and die.random() < 0.3)):
            told.append(("clicked", min(opened, sent + 2 * DAY) + die.randint(5, 300)))
        if leaves:
            told.append(("unsubscribed", min(opened, sent + 2 * DAY) + die.randint(301, 900)))
    for event, at in told:
        line = {
            "message_id": message_id,
            "occurred_at": utc_text(at),
            "event": event,
            "channel": channel,
            "template": template,
            "campaign": campaign,
            **address,
        }
        yield LoggedEvent(at, message_id, json_text(line), truth)


def _address(die: random.Random, person: Person, day: int) -> tuple[str, dict[str, str], Row]:
    """(channel, what the log says of the addressee, truth of the first address that it names)."""
    style = die.random()
    card = member_number(person, day)
    if style < 0.30:
        address = person.email(day)
        return "email", {"email": address}, _truth(address, person, False, "")
    if style < 0.45 and card is not None:
        return "push", {"member_no": card}, _truth(f"member_no:{card}", person, False, "")
    phone = person.phone(day)
    owner, undecidable, noise = _of_phone(person, phone)
    truth = ("messages", "message_address", phone, owner, undecidable, noise)
    if style < 0.70 and person.country == "CN":
        digest = hashlib.md5(f"wecom/{person.code}".encode(), usedforsecurity=False).hexdigest()
        open_id = f"wm{digest[:26]}"
        if person.trait(402).random() < 0.85:
            return "wecom", {"open_id": open_id, "phone": phone}, truth
        return "wecom", {"open_id": open_id}, _truth(f"open_id:{open_id}", person, True, "open_id_only")
    return "sms", {"phone": phone}, truth


def _truth(address: str, person: Person, undecidable: bool, noise: str) -> Row:
    return ("messages", "message_address", address, person.person_id, undecidable, noise)


def _of_phone(person: Person, phone: str) -> tuple[str, bool, str]:
    """(whose number it is, whether it fits two people, why): a log of numbers has no names to tell them apart."""
    if person.shares_phone and person.partner is not None:
        return f"p{min(person.index, person.partner):07d}", True, "shared_phone"
    passed_on = person.passed_on(phone)
    return person.person_id, passed_on, "recycled_phone" if passed_on else ""


def _between(events: list[LoggedEvent], after: int, until: int) -> list[LoggedEvent]:
    found = [event for event in events if after < event.at <= until]
    return sorted(found, key=lambda event: (event.at, event.message_id))


def _repeated(events: list[LoggedEvent]) -> list[LoggedEvent]:
    """The lines that are delivered once more a night later."""
    return [event for event in events if int(event.message_id[-4:], 16) < _SHARE_REPEATED * 65_536]
