"""One night of the demo company: everything that became visible since the night before.

Belongs here: which days are drawn again, which records changed, and what each system, the books and the truth get
of them.
Does not belong here: the draws themselves (webshop, tills, desk, events), writing to disk (company, systems,
truth).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ingestion.demo import desk, desk_calls, shop_listings, shop_stock, tills, webshop_documents
from ingestion.demo.adverts import CAMPAIGNS, PLATFORMS, ad_files, fx_files
from ingestion.demo.checkouts import checkouts_on
from ingestion.demo.clock import DAY, FIRST_DAY, FIRST_EVENT_DAY, FOLLOW_UP_DAYS, day_start, night_instant
from ingestion.demo.desk import Desk, Ticket
from ingestion.demo.events import Web
from ingestion.demo.exports import FOLDERS, Exports
from ingestion.demo.messages import Messages
from ingestion.demo.population import Population
from ingestion.demo.registrations import Registration, registrations_of
from ingestion.demo.systems import Document, Row
from ingestion.demo.tills import Receipt, Tills, online_return
from ingestion.demo.visits import Visits
from ingestion.demo.webshop import WebOrder, WebShop

_TICKET_DAYS = 30  # a ticket's document changes within this many days
_ORDER_MEMORY = 10  # days a customer may still ask about an order
_RECORD_TYPES = {"web": ("shopify", "customer"), "card": ("pos", "member"), "desk": ("zendesk", "requester")}


LANDING_FOLDERS = (
    *(platform.name for platform in PLATFORMS),
    "fx_rates",
    Web.folder,
    *(folder.name for folder in FOLDERS),
    Messages.folder,
    Visits.folder,
)


@dataclass(slots=True)
class Night:
    """Everything one night writes."""

    documents: dict[str, Iterable[Document]]
    till_rows: dict[str, list[Row]]
    files: dict[str, bytes]
    records: list[Row]
    books: dict[str, list[Row]]
    tallies: list[Row]
    causes: list[Row] = field(default_factory=list)


class Simulation:
    """Draws nights; keeps the last days' draws, which later nights need again."""

    def __init__(self, population: Population, folders: Collection[str] | None = None) -> None:
        self.population = population
        self.folders = frozenset(LANDING_FOLDERS if folders is None else folders)
        self.shop, self.tills, self.desk = WebShop(population), Tills(population), Desk(population)
        self.web, self.exports = Web(population), Exports(population, self.folders)
        self.logs = [log for log in (Messages(population), Visits(population)) if log.folder in self.folders]
        self.registrations: dict[int, list[Registration]] = {}
        self.orders: dict[int, list[WebOrder]] = {}
        self.receipts: dict[int, list[Receipt]] = {}
        self.tickets: dict[int, list[Ticket]] = {}
        self.checkouts: dict[int, list[Document]] = {}
        self.calls: dict[int, list[tuple[Document, list[Document]]]] = {}

    def night(self, night: int) -> Night:
        """Everything that became visible after the night before and until this night."""
        last_day = night - 1
        until = night_instant(night)
        after = until - DAY if night > 1 else day_start(FIRST_DAY) - 1_000 * DAY
        first_day = max(FIRST_DAY, last_day - FOLLOW_UP_DAYS) if night > 1 else FIRST_DAY
        self._draw(first_day, last_day)
        days = range(first_day, night)
        made = Night({}, {"members": [], "receipts": [], "receipt_lines": []}, {}, [], {}, [])
        self._write_registrations(made, after, until)
        self._write_orders(made, days, after, until)
        self._write_receipts(made, days, after, until)
        self._write_tickets(made, days if night == 1 else range(night - 1 - _TICKET_DAYS, night), after, until)
        self._write_products(made, night)
        self._write_checkouts_and_calls(made, days, after, until)
        if Web.folder in self.folders:
            self._write_events(made, night)
        self._write_exports(made, night)
        if night == 1:
            made.documents["locations"] = shop_stock.location_documents()
            made.documents["organizations"] = desk_calls.organization_documents()
            made.till_rows["stores"] = tills.store_rows(day_start(FIRST_DAY))
        files = ad_files(self.population.size, self.population.seed, night) | fx_files(self.population.seed, night)
        made.files.update({name: file for name, file in files.items() if name.partition("/")[0] in self.folders})
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
                self.checkouts[day] = checkouts_on(self.shop, day, self.registrations)
                called = [desk_calls.call_of(ticket) for ticket in self.tickets[day] if ticket.channel == "voice"]
                self.calls[day] = called + desk_calls.calls_on(self.desk, day, self.registrations)

    def _forget(self, last_day: int) -> None:
        drawn: dict[int, Any]
        for drawn in (self.orders, self.receipts, self.tickets, self.checkouts, self.calls):
            for day in [day for day in drawn if day < last_day - FOLLOW_UP_DAYS]:
                del drawn[day]

    def _write_registrations(self, made: Night, after: int, until: int) -> None:
        everyone = (registration for registrations in self.registrations.values() for registration in registrations)
        changed = [registration for registration in everyone if registration.changed_between(after, until)]
        for registration in changed:
            noise = ",".join(sorted(registration.tags))
            truth = (registration.record_id, registration.person.person_id, registration.undecidable, noise)
            made.records.append((*_RECORD_TYPES[registration.kind], *truth))
        made.till_rows["members"] = [tills.member_row(card, until) for card in changed if card.kind == "card"]
        for kind, table, render in (
            ("web", "customers", shop_listings.customer_document),
            ("desk", "users", desk.user_document),
        ):
            chosen = [registration for registration in changed if registration.kind == kind]
            made.documents[table] = [(int(r.record_id), r.at(until).at, r.created, render(r, until)) for r in chosen]

    def _write_orders(self, made: Night, days: range, after: int, until: int) -> None:
        changed = [
            (order, at) for day in days for order in self.orders[day] if (at := _newest(order.changes, until)) > after
        ]
        for order, _ in changed:
            key = f"shopify/{order.order_id}"
            made.books[key] = [(*entry[:2], "shopify", "CNY", entry[2]) for entry in order.movements(until)]
            kind = "test_order" if order.test else "order"
            made.tallies.append((key, kind, "shopify", "CNY", order.total))
            if order.refunded(until):
                made.tallies.append((f"{key}/refunds", "refund", "shopify", "CNY", order.refunded(until)))
            if order.account is None:
                truth = (str(order.order_id), order.person.person_id, False, ",".join(sorted(order.tags)))
                made.records.append(("shopify", "guest_order", *truth))
        made.documents["orders"] = (
            (order.order_id, at, order.created, self._order_document(order, until)) for order, at in changed
        )

    def _order_document(self, order: WebOrder, until: int) -> dict[str, Any]:
        customer = None
        if order.account is not None:
            registrations = self.registrations[order.person.index]
            account = next(r for r in registrations if r.kind == "web" and r.record_id == str(order.account))
            customer = shop_listings.order_customer(account, until)
        return webshop_documents.order_document(order, until, CAMPAIGNS, customer)

    def _write_receipts(self, made: Night, days: range, after: int, until: int) -> None:
        for receipt in (receipt for day in days for receipt in self.receipts[day]):
            if _newest(receipt.changes, until) <= after:
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

    def _write_tickets(self, made: Night, days: range, after: int, until: int) -> None:
        tickets = [ticket for day in days for ticket in self.tickets[day]]
        changed = [(ticket, at) for ticket in tickets if (at := _newest(ticket.changes, until)) > after]
        made.documents["tickets"] = (
            (ticket.number, at, ticket.created, desk.ticket_document(ticket, until)) for ticket, at in changed
        )
        made.documents["ticket_metrics"] = (
            (ticket.number, at, ticket.created, desk.metric_document(ticket, until)) for ticket, at in changed
        )
        made.documents["satisfaction_ratings"] = [
            (ticket.rating_id, at, ticket.rating_changes()[0], desk.rating_document(ticket, until))
            for ticket in tickets
            if (at := _newest(ticket.rating_changes(), until)) > after
        ]
        made.documents["ticket_metric_events"] = (
            event for ticket, _ in changed for event in desk_calls.metric_event_documents(ticket, after, until)
        )
        made.documents["deleted_tickets"] = [
            desk_calls.deleted_document(ticket) for ticket, at in changed if at == ticket.deleted
        ]

    def _write_checkouts_and_calls(self, made: Night, days: range, after: int, until: int) -> None:
        made.documents["checkouts"] = [
            checkout for day in days for checkout in self.checkouts[day] if after < checkout[1] <= until
        ]
        calls = [call for day in days for call in self.calls[day] if after < call[0][1] <= until]
        made.documents["calls"] = [call for call, _ in calls]
        made.documents["legs"] = [leg for _, legs in calls for leg in legs]

    def _write_products(self, made: Night, night: int) -> None:
        day = night - 1
        products, made.documents["events"] = shop_stock.discontinued_product(night)
        levels: list[Document] = []
        for place in range(len(shop_listings.PRODUCTS)):
            if night == 1 or shop_listings.product_changed_day(place, day) == day:
                document = shop_listings.product_document(place, day)
                updated = int(datetime.fromisoformat(document["updated_at"]).timestamp())
                created = int(datetime.fromisoformat(document["created_at"]).timestamp())
                products.append((document["id"], updated, created, document))
                levels += shop_stock.inventory_documents(document, updated)
        made.documents["products"] = products
        made.documents["inventory_levels"] = levels

    def _write_events(self, made: Night, night: int) -> None:
        files, truth, number = self.web.deliveries(night, lambda day: self.orders.get(day, []))
        made.files.update(files)
        made.records.extend(truth)
        made.tallies.append((f"events/{night}", "events", "events", "", number))
        for day in range(FIRST_EVENT_DAY, 1) if night == 1 else (night - 1,):
            made.causes.extend(self.web.causes_of(day, self.orders.get(day, [])))

    def _write_exports(self, made: Night, night: int) -> None:
        dropped = self.exports.dropped(night)
        made.files.update(dropped.files)
        made.records.extend(dropped.records)
        made.books.update(dropped.books)
        made.tallies.extend(dropped.tallies)
        for log in self.logs:
            files, truth, number = log.dropped(night)
            made.files.update(files)
            made.records.extend(truth)
            made.tallies.append((f"{log.folder}/{night}", log.folder, log.folder, "", number))


def _newest(changes: list[int], until: int) -> int:
    """The last change until an instant, or a time before all times."""
    return max((at for at in changes if at <= until), default=-1)
