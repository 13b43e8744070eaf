"""The demo company itself: one home, one night after the other, and its servers.

Belongs here: the order in which a night reaches every system, and recovery after a crash.
Does not belong here: how any one system draws or writes its records.

A night is drawn from seed, size and day alone and written in this order: tills, landing files, shop and desk (whose marker
is the company's night), truth. A night interrupted anywhere is written again with the same content.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ingestion.demo import desk, shop_listings, tills, webshop_documents
from ingestion.demo.adverts import CAMPAIGNS, ad_files, fx_files
from ingestion.demo.clock import (
    DAY,
    FIRST_DAY,
    FIRST_EVENT_DAY,
    FOLLOW_UP_DAYS,
    as_of,
    day_start,
    night_instant,
)
from ingestion.demo.desk import Desk, Ticket
from ingestion.demo.desk_server import desk_server
from ingestion.demo.events import LATE_DAYS, Message, Web, event_files
from ingestion.demo.http_server import serving, silent_port
from ingestion.demo.noise import NoiseRates
from ingestion.demo.population import Population
from ingestion.demo.registrations import Registration, registrations_of
from ingestion.demo.shop_server import shop_server
from ingestion.demo.systems import KINDS, Row, Systems, TillDatabase
from ingestion.demo.tills import Receipt, Tills, online_return
from ingestion.demo.truth import truth_night, write_atomically, write_truth
from ingestion.demo.webshop import WebOrder, WebShop

ACCESS_TOKEN = "shpat_demo_0f2c1a"
DESK_EMAIL, DESK_TOKEN = "robot@omni.example", "demo-token-7b31"
SOURCES = ("shopify", "zendesk", "pos")
_TICKET_DAYS = 30  # a ticket's document changes within this many days
_ORDER_MEMORY = 10  # days a customer may still ask about an order


class Company:
    """A retailer with known truth.

    ``home`` is created if absent. ``down`` names systems (shopify, zendesk, pos) that do not answer.
    """

    def __init__(
        self,
        home: Path,
        persons: int = 5000,
        seed: int = 1,
        down: Collection[str] = (),
        noise: NoiseRates | None = None,
    ) -> None:
        unknown = sorted(set(down) - set(SOURCES))
        if unknown:
            raise ValueError(f"down names {', '.join(unknown)}; the demo company has {', '.join(SOURCES)}")
        if persons < 1:
            raise ValueError(f"persons is {persons}; the demo company needs at least one")
        self.home = Path(home)
        self.down = frozenset(down)
        self.landing = self.home / "landing"
        self.truth = self.home / "truth"
        self.home.mkdir(parents=True, exist_ok=True)
        self.landing.mkdir(exist_ok=True)
        self.persons, self.seed, self.noise = persons, seed, noise or NoiseRates()
        self.systems = Systems(self.home / "systems.sqlite")
        self.tills = TillDatabase(self.home / "pos.sqlite")
        self._check_founding()
        self._simulation: _Simulation | None = None

    def _check_founding(self) -> None:
        wanted = {
            "persons": str(self.persons),
            "seed": str(self.seed),
            "noise": json.dumps(dataclasses.asdict(self.noise), sort_keys=True),
        }
        self.systems.found(wanted)
        kept = self.systems.meta()
        differ = [key for key, value in wanted.items() if kept[key] != value]
        if differ:
            what = "; ".join(f"{key} is {kept[key]} there and {wanted[key]} now" for key in differ)
            raise ValueError(
                f"the demo company in {self.home} was founded differently: {what}. Use the values it was founded with, "
                "or choose another home"
            )

    @property
    def night(self) -> int:
        """The last night whose records the systems hold; 0 before the first."""
        return self.systems.night

    def as_of(self, night: int) -> datetime:
        """The UTC datetime of the simulated run of a night."""
        return as_of(night)

    def advance(self, night: int) -> None:
        """Bring every system to its state at the night, one night after the other; repeating it changes nothing."""
        if night < self.night:
            raise ValueError(
                f"the demo company in {self.home} is at night {self.night} and cannot go back to night {night}"
            )
        for next_night in range(self.night + 1, night + 1):
            self._write(next_night)
        if night > 0 and truth_night(self.truth) != self.night:
            write_truth(self.truth, self.home / "partial", self.systems, self.tills, self.persons, self.seed)

    def _write(self, night: int) -> None:
        if self._simulation is None:
            self._simulation = _Simulation(Population(self.persons, self.seed, self.noise))
        tonight = self._simulation.night(night)
        self.tills.write_night(night, tonight.till_rows)
        for name, content in sorted(tonight.files.items()):
            write_atomically(self.landing / name, content, self.home / "partial")
        self.systems.write_night(night, tonight.documents, tonight.records, tonight.books, tonight.tallies)

    @contextmanager
    def serve(self) -> Iterator[dict[str, dict[str, str]]]:
        """Serve shop and desk on free loopback ports; yields the settings of shopify, zendesk and pos."""
        with ExitStack() as stack:
            if "shopify" in self.down:
                shop_port = stack.enter_context(silent_port())
            else:
                shop_port = stack.enter_context(serving(shop_server(self.systems, ACCESS_TOKEN)))
            if "zendesk" in self.down:
                desk_port = stack.enter_context(silent_port())
            else:
                now = int(as_of(self.night).timestamp())
                desk_port = stack.enter_context(serving(desk_server(self.systems, DESK_EMAIL, DESK_TOKEN, now)))
            database = self.home / "closed" / "till" / "pos.sqlite" if "pos" in self.down else self.tills.path
            yield {
                "shopify": {"shop_url": f"http://127.0.0.1:{shop_port}", "access_token": ACCESS_TOKEN},
                "zendesk": {
                    "base_url": f"http://127.0.0.1:{desk_port}",
                    "email": DESK_EMAIL,
                    "api_token": DESK_TOKEN,
                },
                "pos": {"database_url": f"sqlite:///{database.resolve()}"},
            }


@dataclasses.dataclass(slots=True)
class _Night:
    """Everything one night writes."""

    documents: dict[str, list[tuple[int, int, int, dict[str, Any]]]]
    till_rows: dict[str, list[Row]]
    files: dict[str, bytes]
    records: list[Row]
    books: dict[str, list[Row]]
    tallies: list[Row]


class _Simulation:
    """Draws nights; keeps the last days' draws, which later nights need again."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.shop, self.tills, self.desk = WebShop(population), Tills(population), Desk(population)
        self.web = Web(population)
        self.registrations: dict[int, list[Registration]] = {}
        self.orders: dict[int, list[WebOrder]] = {}
        self.receipts: dict[int, list[Receipt]] = {}
        self.tickets: dict[int, list[Ticket]] = {}
        self.messages: dict[int, list[Message]] = {}

    def night(self, night: int) -> _Night:
        """Everything that became visible after the night before and until this night."""
        last_day = night - 1
        until = night_instant(night)
        after = until - DAY if night > 1 else day_start(FIRST_DAY) - 1_000 * DAY
        first_day = max(FIRST_DAY, last_day - FOLLOW_UP_DAYS) if night > 1 else FIRST_DAY
        self._draw(first_day, last_day)
        made = _Night(
            {kind: [] for kind in KINDS}, {"members": [], "receipts": [], "receipt_lines": []}, {}, [], {}, []
        )
        self._write_registrations(made, after, until)
        self._write_orders(made, first_day, after, until)
        self._write_receipts(made, first_day, after, until)
        self._write_tickets(made, first_day if night == 1 else last_day - _TICKET_DAYS, after, until)
        self._write_products(made, night)
        self._write_events(made, night)
        if night == 1:
            made.till_rows["stores"] = tills.store_rows(day_start(FIRST_DAY))
        made.files.update(ad_files(self.population.size, self.population.seed, night))
        made.files.update(fx_files(self.population.seed, night))
        self._forget(last_day)
        return made

    def _draw(self, first_day: int, last_day: int) -> None:
        people = self.population.grow(last_day)
        for person in people[len(self.registrations) :]:
            self.registrations[person.index] = registrations_of(person, self.population.rates)
        for day in range(first_day, last_day + 1):
            if day not in self.orders:
                self.orders[day] = self.shop.orders_on(day)
            if day not in self.receipts:
                returned = (online_return(order) for order in self.orders[day])
                self.receipts[day] = self.tills.receipts_on(day) + [back for back in returned if back is not None]
            if day not in self.tickets:
                recent = range(day - _ORDER_MEMORY, day)
                known = {o.person.index: o.name for earlier in recent for o in self.orders.get(earlier, ())}
                self.tickets[day] = self.desk.tickets_on(day, self.registrations, known)
        event_day = FIRST_EVENT_DAY if last_day == 0 else last_day - LATE_DAYS - 2
        for day in range(event_day, last_day + 1):
            if day not in self.messages:
                self.messages[day] = self.web.messages_on(day, self.orders.get(day, []))

    def _forget(self, last_day: int) -> None:
        for drawn, kept in (
            (self.orders, FOLLOW_UP_DAYS),
            (self.receipts, FOLLOW_UP_DAYS),
            (self.tickets, FOLLOW_UP_DAYS),
            (self.messages, LATE_DAYS + 2),
        ):
            for day in [day for day in drawn if day < last_day - kept]:
                del drawn[day]

    def _write_registrations(self, made: _Night, after: int, until: int) -> None:
        kinds = {
            "web": ("customers", "shopify", "customer", shop_listings.customer_document),
            "desk": ("users", "zendesk", "requester", desk.user_document),
        }
        for registrations in self.registrations.values():
            for registration in registrations:
                if not registration.changed_between(after, until):
                    continue
                noise = ",".join(sorted(registration.tags))
                truth = (registration.record_id, registration.person.person_id, registration.undecidable, noise)
                if registration.kind == "card":
                    made.till_rows["members"].append(tills.member_row(registration, until))
                    made.records.append(("pos", "member", *truth))
                    continue
                table, system, record_type, render = kinds[registration.kind]
                document = render(registration, until)
                updated = registration.at(until).at
                made.documents[table].append((document["id"], updated, registration.created, document))
                made.records.append((system, record_type, *truth))

    def _write_orders(self, made: _Night, first_day: int, after: int, until: int) -> None:
        accounts = {
            r.record_id: r for registrations in self.registrations.values() for r in registrations if r.kind == "web"
        }
        for day in range(first_day, max(self.orders) + 1):
            for order in self.orders[day]:
                changes = [at for at in order.changes if at <= until]
                if not changes or changes[-1] <= after:
                    continue
                account = accounts[str(order.account)] if order.account is not None else None
                customer = shop_listings.order_customer(account, until) if account else None
                document = webshop_documents.order_document(order, until, CAMPAIGNS, customer)
                made.documents["orders"].append((order.order_id, changes[-1], order.created, document))
                key = f"shopify/{order.order_id}"
                made.books[key] = [(*entry[:2], "shopify", "CNY", entry[2]) for entry in order.movements(until)]
                kind = "test_order" if order.test else "order"
                made.tallies.append((key, kind, "shopify", "CNY", order.total))
                if order.refunded(until):
                    made.tallies.append((f"{key}/refunds", "refund", "shopify", "CNY", order.refunded(until)))
                if order.account is None:
                    noise = ",".join(sorted(order.tags))
                    made.records.append(
                        ("shopify", "guest_order", str(order.order_id), order.person.person_id, False, noise)
                    )

    def _write_receipts(self, made: _Night, first_day: int, after: int, until: int) -> None:
        for day in range(first_day, max(self.receipts) + 1):
            for receipt in self.receipts[day]:
                changes = [at for at in receipt.changes if at <= until]
                if not changes or changes[-1] <= after:
                    continue
                currency = receipt.store.currency
                made.till_rows["receipts"].append(receipt.row(until))
                if receipt.arrives > after:
                    made.till_rows["receipt_lines"].extend(receipt.line_rows())
                key = f"pos/{receipt.receipt_id}"
                made.books[key] = [(*entry[:2], "pos", currency, entry[2]) for entry in receipt.movements(until)]
                kind = "voided" if receipt.is_voided(until) else receipt.kind
                made.tallies.append((key, kind, "pos", currency, receipt.total))
                if receipt.identifies() and receipt.person is not None:
                    noise = ",".join(sorted(receipt.tags))
                    truth = (receipt.receipt_id, receipt.person.person_id, receipt.undecidable, noise)
                    made.records.append(("pos", "name_only", *truth))

    def _write_tickets(self, made: _Night, first_day: int, after: int, until: int) -> None:
        for day in range(max(FIRST_DAY, first_day), max(self.tickets) + 1):
            for ticket in self.tickets[day]:
                changes = [at for at in ticket.changes if at <= until]
                if not changes or changes[-1] <= after:
                    continue
                times = (changes[-1], ticket.created)
                made.documents["tickets"].append((ticket.number, *times, desk.ticket_document(ticket, until)))
                made.documents["ticket_metrics"].append((ticket.number, *times, desk.metric_document(ticket, until)))
                rated = [at for at in ticket.rating_changes() if at <= until]
                if rated:
                    rating = desk.rating_document(ticket, until)
                    made.documents["satisfaction_ratings"].append((ticket.rating_id, rated[-1], rated[0], rating))

    def _write_products(self, made: _Night, night: int) -> None:
        day = night - 1
        for place in range(len(shop_listings.PRODUCTS)):
            if night == 1 or shop_listings.product_changed_day(place, day) == day:
                document = shop_listings.product_document(place, day)
                updated = int(datetime.fromisoformat(document["updated_at"]).timestamp())
                created = int(datetime.fromisoformat(document["created_at"]).timestamp())
                made.documents["products"].append((document["id"], updated, created, document))

    def _write_events(self, made: _Night, night: int) -> None:
        messages = [message for drawn in self.messages.values() for message in drawn]
        files, fresh = event_files(messages, night)
        made.files.update(files)
        made.tallies.append((f"events/{night}", "events", "events", "", len(fresh)))
        seen: set[str] = set()
        for message in fresh:
            if message.user_id is not None and message.user_id not in seen and message.person is not None:
                seen.add(message.user_id)
                made.records.append(("events", "user", message.user_id, message.person.person_id, False, ""))
            if message.device not in seen:
                seen.add(message.device)
                device = self.web.devices[message.device]
                made.records.append(("events", "device", device.device, device.owner, device.undecidable, device.noise))
