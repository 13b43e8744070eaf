"""The files that doors without an API drop every night, and what the books and the truth get of them.

Belongs here: which orders and customers go into which file of which night; late, overlapping and repeated files.
Does not belong here: the draws (file_orders), the columns (the layouts), writing to disk (company).

Night 1 brings the history, Tmall's in two files that overlap; later files hold what is new or changed since the export
before, and once more what changed the day before that. Two doors are exported every third night only. A file that is
late comes with the next night's, as it was when it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ingestion.demo.clock import DAY, FIRST_DAY, day_of, day_start, generator, night_instant
from ingestion.demo.counter_layouts import (
    LOYVERSE_RECEIPTS,
    SQUARE_ITEMS,
    SQUARE_TRANSACTIONS,
    loyverse_number,
    loyverse_receipts,
    square_id,
    square_items,
    square_transactions,
)
from ingestion.demo.csv_text import Cells, csv_file, wall_clock
from ingestion.demo.doors import (
    DOUYIN,
    JD,
    LOYVERSE,
    OLD_SHOP,
    PHONE_DESK,
    SQUARE,
    TMALL,
    YOUZAN,
    Buyer,
    Door,
    desk_account,
    shop_account,
)
from ingestion.demo.file_orders import FileOrder, FileOrders
from ingestion.demo.marketplace_layouts import (
    DOUYIN_ORDERS,
    JD_ORDERS,
    TMALL_ITEMS,
    TMALL_ORDERS,
    YOUZAN_ORDERS,
    douyin_order,
    jd_order,
    order_number,
    tmall_items,
    tmall_order,
    youzan_order,
)
from ingestion.demo.noise import NoiseRates
from ingestion.demo.population import Person, Population
from ingestion.demo.shop_layouts import (
    CUSTOMERS_CSV,
    DESK_CUSTOMERS,
    DESK_LINES,
    DESK_ORDERS,
    ORDERS_CSV,
    desk_customer,
    desk_lines,
    desk_number,
    desk_order,
    order_name,
    shopify_customer,
    shopify_order,
)
from ingestion.demo.systems import Row

_FOLLOWED_DAYS = 40  # every change of an order falls within this many days after its first day
_HISTORY_CUT = -365  # the first day of the second file of history
_OVERLAP = 3 * DAY  # the second file of history begins this much earlier
_LATE, _REPEATED = 0.05, 0.07  # shares of nights


@dataclass(frozen=True, slots=True)
class Orders:
    """A landing folder of orders: what its files are called, and an order's rows in them at an instant."""

    name: str
    door: Door
    stem: str
    header: Cells
    rows: Callable[[FileOrder, int], Iterator[Cells]]
    encoding: str = "utf-8"
    lately: int = 0  # the last columns that the files of history do not have yet


@dataclass(frozen=True, slots=True)
class Customers:
    """A landing folder of customers: who has an account, and its row at an instant, from all orders so far."""

    name: str
    door: Door
    stem: str
    header: Cells
    account: Callable[[Person, Door, int, NoiseRates], Buyer | None]
    row: Callable[[Person, Buyer, list[FileOrder], int], Cells]
    encoding: str = "utf-8"
    keys_of: str = ""  # the folder whose keys its rows have, if not its own


Folder = Orders | Customers
FOLDERS: tuple[Folder, ...] = (
    Orders("tmall_orders", TMALL, "ExportOrderList", TMALL_ORDERS, tmall_order, "gb18030"),
    Orders("tmall_items", TMALL, "ExportOrderDetailList", TMALL_ITEMS, tmall_items, "gb18030"),
    Orders("jd_orders", JD, "jd_order_", JD_ORDERS, jd_order, "gb18030"),
    Orders("douyin_orders", DOUYIN, "douyin_order_", DOUYIN_ORDERS, douyin_order),
    Orders("youzan_orders", YOUZAN, "youzan_trade_", YOUZAN_ORDERS, youzan_order, "gb18030"),
    Orders("square_transactions", SQUARE, "transactions-", SQUARE_TRANSACTIONS, square_transactions),
    Orders("square_items", SQUARE, "items-", SQUARE_ITEMS, square_items, lately=2),
    Orders("loyverse_receipts", LOYVERSE, "receipts-", LOYVERSE_RECEIPTS, loyverse_receipts),
    Orders("shopify_orders_csv", OLD_SHOP, "orders_export_", ORDERS_CSV, shopify_order),
    Customers("shopify_customers_csv", OLD_SHOP, "customers_export_", CUSTOMERS_CSV, shop_account, shopify_customer),
    Customers(
        "customers", PHONE_DESK, "telephone-customers-", DESK_CUSTOMERS, desk_account, desk_customer, keys_of="orders"
    ),
    Orders("orders", PHONE_DESK, "telephone-orders-", DESK_ORDERS, desk_order),
    Orders("order_lines", PHONE_DESK, "telephone-lines-", DESK_LINES, desk_lines),
)
_IDS: dict[Door, Callable[[FileOrder], str]] = {
    SQUARE: lambda order: square_id(order, "Payment"),
    LOYVERSE: loyverse_number,
    OLD_SHOP: order_name,
    PHONE_DESK: desk_number,
}


@dataclass(slots=True)
class Dropped:
    """What a night's files bring."""

    files: dict[str, bytes] = field(default_factory=dict)
    records: list[Row] = field(default_factory=list)
    books: dict[str, list[Row]] = field(default_factory=dict)
    tallies: list[Row] = field(default_factory=list)


class Exports:
    """Makes the nightly files of the doors; ``only`` these landing folders, if given."""

    def __init__(self, population: Population, only: Collection[str] | None = None) -> None:
        self.population = population
        self.orders = FileOrders(population)
        self.folders = [folder for folder in FOLDERS if only is None or folder.name in only]

    def dropped(self, night: int) -> Dropped:
        """Everything the doors drop on a night."""
        made = Dropped()
        for door in dict.fromkeys(folder.door for folder in self.folders):
            for earlier in self._arriving(door, night):
                self._write(made, door, earlier)
        listed = {folder.door for folder in self.folders if isinstance(folder, Customers)}
        self.orders.forget(night - _FOLLOWED_DAYS - 10, listed)
        return made

    def _chance(self, door: Door, night: int, what: str) -> float:
        return float(generator(self.population.seed, night, f"{door.topic}.{what}").random())

    def _is_late(self, door: Door, night: int) -> bool:
        return night > 1 and door.every == 1 and self._chance(door, night, "late") < _LATE

    def _arriving(self, door: Door, night: int) -> list[int]:
        """The nights whose files arrive on this one, oldest first."""
        if self._is_late(door, night) or (night - 1) % door.every:
            return []
        first = night
        while self._is_late(door, first - 1):
            first -= 1
        return list(range(first, night + 1))

    def _write(self, made: Dropped, door: Door, night: int) -> None:
        """The files of one door's night, with the truth about what is new in them; none when nothing is."""
        until = night_instant(night)
        after = until - door.every * DAY if night > 1 else day_start(FIRST_DAY) - DAY
        days = range(FIRST_DAY if night == 1 else max(FIRST_DAY, night - 1 - _FOLLOWED_DAYS), night)
        known = [order for day in days for order in self.orders.orders_on(door, day) if order.created <= until]
        fresh = [order for order in known if order.changed_between(after, until)]
        if not fresh:
            return
        folders = [folder for folder in self.folders if folder.door is door]
        for order in fresh if door.folder in [folder.name for folder in folders] else ():
            _book(made, order, until)
            _identify(made, order)
        for folder in folders:
            if isinstance(folder, Customers):
                rows = list(self._customers(made, folder, fresh, until))
                self._file(made, folder, night, day_of(after + 1), until, rows)
            elif night > 1:
                shown = [order for order in known if order.changed_between(after - DAY, until)]
                self._file(made, folder, night, day_of(after - DAY + 1), until, _rows(folder, shown, until))
            elif door is not TMALL:
                self._file(made, folder, night, FIRST_DAY, until, _rows(folder, known, until))
            else:
                cut = day_start(_HISTORY_CUT)
                old = [order for order in known if order.created <= cut]
                recent = [order for order in known if order.created > cut - _OVERLAP]
                self._file(made, folder, night, FIRST_DAY, cut, _rows(folder, old, until))
                self._file(made, folder, night, day_of(cut - _OVERLAP + 1), until, _rows(folder, recent, until))

    def _file(
        self, made: Dropped, folder: Folder, night: int, first_day: int, until: int, rows: Sequence[Cells]
    ) -> None:
        """One file, and now and then the same once more under another name."""
        if not rows:
            return
        zone = folder.door.zone
        begin, end = (wall_clock(at, zone, "%Y%m%d") for at in (day_start(first_day), until - 1))
        width = len(folder.header) - (folder.lately if night == 1 and isinstance(folder, Orders) else 0)
        name = f"{folder.name}/{folder.stem}{begin}-{end}"
        content = csv_file((row[:width] for row in [folder.header, *rows]), folder.encoding)
        made.files[f"{name}.csv"] = content
        made.tallies.append((f"{name}.csv", "rows", folder.name, "", len(rows)))
        if self._chance(folder.door, night, f"{begin}.again") < _REPEATED:
            made.files[f"{name} (1).csv"] = content

    def _customers(self, made: Dropped, folder: Customers, fresh: list[FileOrder], until: int) -> Iterator[Cells]:
        """The rows of those with an account among the buyers of these orders."""
        buyers = {order.person.index: order.person for order in fresh}
        orders: dict[int, list[FileOrder]] = {}
        for day in range(FIRST_DAY, day_of(until) + 1):
            for order in self.orders.orders_on(folder.door, day):
                if order.person.index in buyers and order.created <= until:
                    orders.setdefault(order.person.index, []).append(order)
        for index, person in sorted(buyers.items()):
            account = folder.account(person, folder.door, day_of(until), self.population.rates)
            if account is not None:
                made.records.append(_record(folder.keys_of or folder.name, "customer", account.key, person, account))
                made.tallies.append((f"{folder.name}/{account.key}", "file_customer", folder.name, "", 0))
                yield folder.row(person, account, orders[index], until)


def _rows(folder: Orders, orders: list[FileOrder], until: int) -> list[Cells]:
    return [row for order in orders for row in folder.rows(order, until)]


def _order_id(order: FileOrder) -> str:
    return _IDS.get(order.door, order_number)(order)


def _identify(made: Dropped, order: FileOrder) -> None:
    """Whom the order is truly from, if it says anything of them."""
    buyer, system = order.buyer, order.door.folder
    if buyer.key is not None:
        made.records.append(_record(system, "customer", buyer.key, order.person, buyer))
    elif buyer.phone or buyer.email:
        made.records.append(_record(system, "guest_order", _order_id(order), order.person, buyer))
    elif buyer.name:
        made.records.append(_record(system, "name_only", _order_id(order), order.person, buyer))


def _record(system: str, kind: str, record_id: str | None, person: Person, buyer: Buyer) -> Row:
    return (system, kind, record_id, person.person_id, buyer.undecidable, ",".join(sorted(buyer.tags)))


def _book(made: Dropped, order: FileOrder, until: int) -> None:
    """The door's own books of the order, and what the inventory counts."""
    system, currency = order.door.folder, order.door.currency
    key = f"{system}/{order.serial}"
    made.books[key] = [(*entry[:2], system, currency, entry[2]) for entry in order.movements(until)]
    kind = "closed_order" if order.state(until) == "closed" else "order"
    made.tallies.append((key, kind, system, currency, order.total))
    back = order.given_back(until)
    if back is not None:
        made.tallies.append((f"{key}/refund", "refund", system, currency, back.amount))
