"""Web and app events in Segment's spec: visits of known people, strangers and staff tablets, drawn once on their day.

Belongs here: sessions, the messages they send, when these arrive, and the nightly files of JSON lines.
Does not belong here: where the files go (landing), the orders themselves (webshop).
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ingestion.demo.adverts import CAMPAIGNS
from ingestion.demo.catalog import VARIANTS, Variant, money
from ingestion.demo.causes import Cause, Causes
from ingestion.demo.clock import (
    DAY,
    FIRST_EVENT_DAY,
    HOUR,
    day_start,
    dice,
    generator,
    local_date,
    night_instant,
    utc_text_with,
)
from ingestion.demo.noise import mixed_case, write_phone
from ingestion.demo.population import NEVER, Crowd, Person, Population, device_id
from ingestion.demo.registrations import web_account_at
from ingestion.demo.systems import json_text
from ingestion.demo.volume import count_on
from ingestion.demo.webshop import WebOrder
from ingestion.demo.webshop_documents import click_id

LATE_DAYS = 6  # a message arrives within this many days
SHARE_LATE, SHARE_SKEWED, SHARE_REPEATED = 0.02, 0.01, 0.01
REDELIVERED_EVERY = 5  # nights after which the same file comes again under another name
_DAYS_A_FILE = 15
_SITE = "https://shop.omni.example"
_SOURCE = {"google_ads": "google", "meta_ads": "facebook", "oceanengine": "douyin"}
_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/136.0 Mobile",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/137.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_4) AppleWebKit/605.1.15 Safari/18.4",
)


OrdersOf = Callable[[int], list[WebOrder]]
Row = tuple[object, ...]


@dataclass(slots=True)
class Message:
    """One delivered line, and whom it is truly about."""

    received: int
    message_id: str
    line: str
    device: str
    user_id: str | None
    person: Person | None
    sent: int


@dataclass(slots=True)
class Device:
    """The truth about an anonymous id."""

    device: str
    owner: str | None
    undecidable: bool
    noise: str


class _Session:
    """Writes the messages of one visit."""

    def __init__(
        self, die: random.Random, day: int, number: int, device: str, person: Person | None, start: int
    ) -> None:
        self.die, self.stem = die, f"{day + 1000:04d}-{number:05d}"
        self.device, self.person, self.now = device, person, start
        self.user: str | None = None
        self.campaign: dict[str, str] | None = None
        self.referrer = ""
        self.search = ""
        self.path, self.title = "/", "Home"
        self.messages: list[Message] = []
        self.delay = int(die.uniform(0.6, LATE_DAYS - 1) * DAY) if die.random() < SHARE_LATE else 0
        self.skew = die.choice((-3, -1, 2, 8)) * HOUR if die.random() < SHARE_SKEWED else 0
        self.agent = _AGENTS[int(device[0], 16) % 4]
        self.address = f"10.{int(device[:2], 16)}.{int(device[2:4], 16)}.{die.randint(1, 254)}"

    def arrive(self, click: tuple[str, int] | None, number: int) -> None:
        """Set the campaign and click id of the landing page."""
        if click is None:
            self.referrer = self.die.choice(("", "", "https://www.baidu.com/", "https://www.google.com/"))
            return
        platform, at = click
        name = CAMPAIGNS[platform][at % len(CAMPAIGNS[platform])]
        parameter, value = click_id(number, platform)
        self.campaign = {"source": _SOURCE[platform], "medium": "cpc", "name": name}
        self.search = f"?utm_source={_SOURCE[platform]}&utm_medium=cpc&utm_campaign={quote(name)}&{parameter}={value}"
        self.referrer = f"https://www.{_SOURCE[platform]}.com/"

    def send(self, kind: str, body: dict[str, Any]) -> None:
        """Write one message a few seconds to minutes after the last."""
        self.now += self.die.randint(4, 90)
        number = len(self.messages)
        thousandths = self.die.randint(0, 999)
        shown = utc_text_with(self.now, thousandths)
        skewed = utc_text_with(self.now + self.skew, thousandths) if self.skew else shown
        received = self.now + self.delay + 1 + number % 2
        context: dict[str, Any] = {
            "ip": self.address,
            "library": {"name": "analytics.js", "version": "2.11.1"},
            "page": {
                "path": self.path,
                "referrer": self.referrer,
                "search": self.search,
                "title": self.title,
                "url": f"{_SITE}{self.path}{self.search}",
            },
            "userAgent": self.agent,
        }
        if self.campaign is not None:
            context["campaign"] = self.campaign
        message_id = f"ajs-{self.stem}-{number:02d}-{self.die.getrandbits(48):012x}"
        message = {
            "messageId": message_id,
            "type": kind,
            **body,
            "anonymousId": self.device,
            "userId": self.user,
            "timestamp": shown,
            "originalTimestamp": skewed,
            "sentAt": skewed,
            "receivedAt": utc_text_with(received, thousandths),
            "channel": "client",
            "context": context,
            "integrations": {},
            "version": 2,
        }
        line = json_text(message)
        self.messages.append(Message(received, message_id, line, self.device, self.user, self.person, self.now))

    def page(self, path: str, title: str) -> None:
        landing = not self.messages
        self.path, self.title = path, title
        if not landing:
            self.referrer, self.search = f"{_SITE}/", ""
        properties = {
            "path": path,
            "referrer": self.referrer,
            "search": self.search,
            "title": title,
            "url": f"{_SITE}{path}{self.search}",
        }
        self.send("page", {"name": title, "properties": properties})

    def track(self, event: str, properties: dict[str, Any]) -> None:
        self.send("track", {"event": event, "properties": properties})

    def view(self, variant: Variant) -> None:
        self.page(f"/products/{variant.title.lower().replace(' ', '-')}", variant.title)
        self.track("Product Viewed", _product(variant))

    def identify(self, person: Person, login: int, day: int) -> None:
        self.user = str(login)
        traits: dict[str, Any] = {"email": mixed_case(self.die, person.email(day)).strip()}
        if self.die.random() < 0.5:
            traits["phone"] = write_phone(self.die, person.phone(day), "CN")
        if self.die.random() < 0.6:
            traits["name"] = f"{person.given_latin} {person.family_latin}"
        self.send("identify", {"traits": traits})


def _campaign(click: tuple[str, int] | None) -> tuple[str | None, str | None]:
    """(platform, campaign) of a click."""
    if click is None:
        return None, None
    platform, at = click
    return platform, CAMPAIGNS[platform][at % len(CAMPAIGNS[platform])]


def _product(variant: Variant) -> dict[str, Any]:
    return {
        "product_id": str(variant.product_id),
        "sku": variant.sku,
        "name": variant.title,
        "category": variant.category,
        "price": float(money(variant.cny, "CNY")),
        "currency": "CNY",
    }


class Web:
    """Draws the messages of a day, and sorts them into nights by the time they arrive."""

    folder = "events"

    def __init__(self, population: Population) -> None:
        self.population = population
        self.seed, self.persons = population.seed, population.size
        self.crowd = Crowd(lambda p: p.joined, lambda p: 1.6 if p.web_day < NEVER else 1.0 if p.guest_buyer else 0.25)
        self.tablets = [device_id(self.seed, -1 - at, 0) for at in range(population.rates.staff_tablets)]
        self.devices: dict[str, Device] = {}
        self.drawn: dict[int, list[Message]] = {}
        self.causes = Causes(population)
        self.landed: dict[str, Message] = {}  # the first message of the visit on which an order was placed

    def causes_of(self, day: int, orders: list[WebOrder]) -> list[Row]:
        """What set off each purchase of a day whose visits are drawn: an earlier ad, the visit itself, or unknown.

        (source system, its id of the order, what, platform, campaign, message of the visit, when it was).
        """
        clicks = {str(order.order_id): order.click for order in orders}
        rows: list[Row] = []
        for source_system, order_id, cause in self.causes.of(day):
            landed = self.landed.pop(order_id, None) if source_system == "shopify" else None
            if cause is not None:
                first = self._first_visit(cause).messages[0]
                named = _campaign(cause.click)
                rows.append((source_system, order_id, "ad_click", *named, first.message_id, first.sent))
            elif landed is not None:
                named = _campaign(clicks[order_id])
                rows.append((source_system, order_id, "visit", *named, landed.message_id, landed.sent))
            else:
                rows.append((source_system, order_id, "unknown", None, None, None, None))
        return rows

    def deliveries(self, night: int, orders: OrdersOf) -> tuple[dict[str, bytes], list[Row], int]:
        """(the night's files by landing path, truth records of who appears, number of new messages)."""
        files: dict[str, bytes] = {}
        if night > 1:
            until = night_instant(night)
            messages = self._drawn_days(range(night - 1 - LATE_DAYS - 2, night), orders)
            fresh = delivered(messages, until - DAY, until)
            again = repeated(delivered(messages, until - 2 * DAY, until - DAY))
            name = f"events/events-{local_date(until - 1, 'UTC')}"
            files[f"{name}.jsonl.gz"] = event_file(fresh + again)
            if night % REDELIVERED_EVERY == 0:
                files[f"{name}-redelivered.jsonl.gz"] = files[f"{name}.jsonl.gz"]
            return files, self._truth_of(fresh), len(fresh)
        begin, number = day_start(FIRST_EVENT_DAY), 0
        truth: dict[Row, None] = {}
        waiting: list[Message] = []
        earlier: list[Message] = []
        for first in range(FIRST_EVENT_DAY, 1, _DAYS_A_FILE):
            last = min(first + _DAYS_A_FILE - 1, 0)
            until = day_start(last + 1)
            waiting += self._drawn_days(range(first, last + 1), orders)
            part = delivered(waiting, begin, until)
            name = f"events/events-{local_date(until - 1, 'UTC')}"
            files[f"{name}.jsonl.gz"] = event_file(part + repeated(earlier))
            if first == FIRST_EVENT_DAY:
                files[f"{name}-redelivered.jsonl.gz"] = files[f"{name}.jsonl.gz"]
            truth.update(dict.fromkeys(self._truth_of(part)))
            number += len(part)
            waiting = [message for message in waiting if message.received > until]
            earlier, begin = part, until
        return files, list(truth), number

    def _drawn_days(self, days: range, orders: OrdersOf) -> list[Message]:
        """The messages of the days; the last days' draws are kept for the next night."""
        for day in days:
            if day not in self.drawn:
                self.drawn[day] = self._messages_on(day, orders(day))
        found = [message for day in days for message in self.drawn[day]]
        for day in [day for day in self.drawn if day <= days[-1] - LATE_DAYS - 2]:
            del self.drawn[day]
        return found

    def _truth_of(self, messages: list[Message]) -> list[Row]:
        """Truth records of the logins and devices that appear in messages."""
        truth: dict[Row, None] = {}
        for message in messages:
            if message.user_id is not None and message.person is not None:
                truth["events", "user", message.user_id, message.person.person_id, False, ""] = None
            device = self.devices[message.device]
            truth["events", "device", device.device, device.owner, device.undecidable, device.noise] = None
        return list(truth)

    def _messages_on(self, day: int, orders: list[WebOrder]) -> list[Message]:
        """All messages of a day, whenever they arrive."""
        if day < FIRST_EVENT_DAY:
            return []
        people = self.population.grow(day)
        rng = generator(self.seed, day, "sessions")
        number = count_on(self.persons, self.seed, day, "sessions")
        visitors = self.crowd.pick(people, day, rng, number)
        rolls = dice(self.seed, day, "session", len(visitors))
        messages: list[Message] = []
        for at, (die, person) in enumerate(zip(rolls, visitors, strict=True)):
            messages.extend(self._visit(die, day, at, person).messages)
        bought = [order for order in orders if order.device_session]
        rolls = dice(self.seed, day, "journey", len(bought))
        for at, (die, order) in enumerate(zip(rolls, bought, strict=True)):
            journey = self._journey(die, day, len(visitors) + at, order).messages
            self.landed[str(order.order_id)] = journey[0]
            messages.extend(journey)
        for cause in self.causes.clicked_on(day):
            messages.extend(self._first_visit(cause).messages)
        return messages

    def _device_of(self, die: random.Random, person: Person) -> str:
        device = person.devices[0] if die.random() < 0.7 else person.devices[-1]
        if device not in self.devices:
            shared = person.shared_device and device == person.devices[0]
            owner = min(person.index, person.partner) if shared and person.partner is not None else person.index
            noise = "shared_device" if shared else "two_devices" if len(person.devices) > 1 else ""
            self.devices[device] = Device(device, self.population.people[owner].person_id, shared, noise)
        return device

    def _visit(self, die: random.Random, day: int, number: int, person: Person) -> _Session:
        start = day_start(day) + int(die.betavariate(1.8, 1.4) * 23 * HOUR)
        style = die.random()
        login = web_account_at(person, day, die.random() < 0.4)
        if style < 0.03 and self.tablets and login is not None:
            session = _Session(die, day, number, die.choice(self.tablets), person, start)
            self.devices.setdefault(session.device, Device(session.device, None, True, "staff_tablet"))
            session.page("/kiosk", "Kiosk")
            session.identify(person, login, day)
            for variant in die.sample(VARIANTS, die.randint(1, 3)):
                session.view(variant)
            return session
        if style < 0.24:
            visitor = die.randrange(max(3, self.persons * 7 // 10))
            device = device_id(self.seed, 10_000_000 + visitor, 0)
            self.devices.setdefault(device, Device(device, f"v{visitor:07d}", False, "anonymous"))
            session = _Session(die, day, number, device, None, start)
            login = None
        else:
            session = _Session(die, day, number, self._device_of(die, person), person, start)
        if die.random() < 0.35:
            session.arrive((die.choice(tuple(CAMPAIGNS)), die.randrange(4)), day * 100_000 + number)
        else:
            session.arrive(None, 0)
        if login is not None and die.random() < 0.3:
            session.user = str(login)  # still logged in from an earlier visit
        session.page("/", "Home")
        if login is not None and session.user is None and die.random() < 0.4:
            session.identify(person, login, day)
            if die.random() < 0.04:
                session.track("Signed Up", {"method": "email"})
        for variant in die.sample(VARIANTS, die.choices((0, 1, 2, 3), (0.25, 0.35, 0.25, 0.15))[0]):
            session.view(variant)
            if die.random() < 0.22:
                session.track("Product Added", {**_product(variant), "quantity": 1})
        return session

    def _first_visit(self, cause: Cause) -> _Session:
        """The visit after a click that a purchase goes back to; drawn again it is the same."""
        die, person, day = random.Random(cause.seed), cause.person, cause.day
        session = _Session(die, day, 0, self._device_of(die, person), person, cause.start)
        session.stem = cause.stem
        session.arrive(cause.click, cause.number)
        login = web_account_at(person, day, die.random() < 0.4)
        if login is not None and die.random() < 0.3:
            session.user = str(login)
        session.page("/", "Home")
        for variant in die.sample(VARIANTS, die.choices((0, 1, 2), (0.4, 0.4, 0.2))[0]):
            session.view(variant)
        return session

    def _journey(self, die: random.Random, day: int, number: int, order: WebOrder) -> _Session:
        """Landing page to completed order, ending at the order's own time."""
        person = order.person
        start = order.created - 90 * (2 * len(order.lines) + 6) - die.randint(0, 300)
        session = _Session(die, day, number, self._device_of(die, person), person, start)
        session.arrive(order.click, order.order_id)
        session.page("/products" if order.click else "/", "Home")
        for line in order.lines:
            session.view(line.variant)
        for line in order.lines:
            session.track("Product Added", {**_product(line.variant), "quantity": line.quantity})
        session.page("/cart", "Cart")
        if order.account is not None:
            session.identify(person, order.account, day)
        value = {"value": float(money(order.total, "CNY")), "currency": "CNY"}
        session.track("Checkout Started", value)
        session.now = order.created - die.randint(0, 2) - 90 if session.now < order.created - 90 else session.now
        products = [{"sku": line.variant.sku, "quantity": line.quantity} for line in order.lines]
        first = order.lines[0].variant.sku
        session.track("Order Completed", {"order_id": order.name, "sku": first, **value, "products": products})
        return session


def delivered(messages: list[Message], after: int, until: int) -> list[Message]:
    """The messages that arrive within (after, until], in the order of arrival."""
    found = [message for message in messages if after < message.received <= until]
    return sorted(found, key=lambda message: (message.received, message.message_id))


def event_file(messages: list[Message]) -> bytes:
    """The gzip of a file of JSON lines; the same messages give the same bytes."""
    return gzip.compress("".join(f"{message.line}\n" for message in messages).encode(), compresslevel=3, mtime=0)


def repeated(messages: list[Message]) -> list[Message]:
    """The messages of a delivery that are delivered again later."""
    return [message for message in messages if int(message.message_id[-4:], 16) < SHARE_REPEATED * 65_536]
