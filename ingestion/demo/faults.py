"""What real systems do to a client, done by the demo company's servers under a seed: cuts, repeats, clocks, shapes.

Belongs here: each fault, when it strikes, and how a reply is spoilt by it.
Does not belong here: any vendor's API beyond the names of its paging parameters; what a client makes of a fault.

A fault stands between a server's handler and its client. ``burst``, ``error``, ``cut``, ``slow``, ``twice``,
``moving``, ``expired`` and ``ahead`` pass: a client that goes on ends with every record. ``new_column``, ``no_column``,
``flipped`` and ``empty`` last as long as they are asked for.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ingestion.demo.http_server import Handler, Reply, Request
from ingestion.demo.systems import Systems, json_text

PASSING = ("burst", "error", "cut", "slow", "twice", "moving", "expired", "ahead")
LASTING = ("new_column", "no_column", "flipped", "empty")
FAULTS = (*PASSING, *LASTING)
AHEAD = timedelta(minutes=5)

_PAGE = 15  # records: a small company's lists would else be one page long
_SLOW_SECONDS = 0.3
_STRIKES_WITHIN, _APART = 3, (4, 12)  # the first strike is early, the next ones so many requests later
_BURST = (2, 6)


class Face(NamedTuple):
    """What the faults have to know of a system's API."""

    lists: Collection[str]
    """The last part of the paths of its lists, which is also the name of their member."""
    size: Collection[str]
    cursor: Collection[str]
    """The parameters that hold the length of a page and where it begins."""
    amount: str
    """A member of a record that its system always fills, and of which a load cannot be used without it."""
    expired: Reply


SHOP = Face(
    ("orders", "customers", "products"),
    ("limit",),
    ("page_info",),
    "created_at",
    Reply(400, {"errors": {"page_info": "Invalid value."}}),
)
DESK = Face(
    ("tickets", "users", "satisfaction_ratings"),
    ("per_page", "page[size]"),
    ("cursor", "page[after]"),
    "created_at",
    Reply(422, {"error": "InvalidValue", "description": "The cursor has expired"}),
)


def check_faults(names: Iterable[str]) -> None:
    """Raise ValueError for a fault that there is not; ``shopify:empty`` is a fault of one system, ``passing`` all that
    pass."""
    for name in names:
        system, _, fault = name.rpartition(":")
        if fault not in (*FAULTS, "passing") or system not in ("", "shopify", "zendesk"):
            raise ValueError(
                f"there is no fault {name!r}; there are passing, {', '.join(FAULTS)}, each also as shopify:<fault> or "
                "zendesk:<fault>"
            )


def faults_of(names: Iterable[str], system: str) -> set[str]:
    """The faults that one system is to have."""
    wanted: set[str] = set()
    for name in names:
        whose, _, fault = name.rpartition(":")
        if whose in ("", system):
            wanted |= set(PASSING) if fault == "passing" else {fault}
    return wanted


@dataclass
class _Timer:
    """Says of each request whether a fault strikes it."""

    die: random.Random
    left: int

    def strikes(self) -> bool:
        self.left -= 1
        if self.left > 0:
            return False
        self.left = self.die.randint(*_APART)
        return True


class Faults:
    """A handler with faults. ``struck`` counts how often each did something."""

    def __init__(
        self, handler: Handler, face: Face, faults: Collection[str], seed: str, systems: Systems, now: datetime
    ) -> None:
        self.handler, self.face, self.faults, self.systems, self.now = handler, face, set(faults), systems, now
        self.struck = dict.fromkeys(FAULTS, 0)
        self._timers: dict[str, _Timer] = {}
        for fault in FAULTS:
            die = random.Random(f"{seed}/{fault}")
            self._timers[fault] = _Timer(die, die.randint(1, _STRIKES_WITHIN))
        self._refusals = 0
        self._done: set[tuple[str, str]] = set()
        self._before: dict[str, Reply] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Reply:
        """The reply to a request, spoilt as asked for."""
        with self._lock:
            return self._reply(request)

    def _reply(self, request: Request) -> Reply:
        name = request.path.removesuffix(".json").removesuffix("/cursor").rpartition("/")[2]
        if "burst" in self.faults and (self._refusals or self._strikes("burst")):
            self._refusals = (self._refusals or self._timers["burst"].die.randint(*_BURST)) - 1
            return Reply(429, {"errors": "Too many requests"}, {"Retry-After": "0.05"})
        if self._strikes("error"):
            return Reply(500, {"errors": "Internal Server Error"})
        reply = self._list(name, request) if name in self.face.lists else self.handler(request)
        if reply.status == 200:
            if self._strikes("slow"):
                reply = replace(reply, slow=_SLOW_SECONDS)
            if self._strikes("cut"):
                reply = replace(reply, cut=True)
        return reply

    def _list(self, name: str, request: Request) -> Reply:
        goes_on = any(parameter in request.query for parameter in self.face.cursor)
        if goes_on and self._once("expired", name):
            return self.face.expired
        if goes_on and name in self._before and self._once("twice", name):
            return self._before[name]
        if goes_on and "moving" in self.faults:
            self._touch(name, "moving", self.now)
        if "ahead" in self.faults:
            self._touch(name, "ahead", self.now + AHEAD)
        sizes = {key: str(min(_PAGE, int(request.query[key]))) for key in self.face.size if key in request.query}
        reply = self.handler(replace(request, query={**request.query, **sizes}))
        if reply.status != 200:
            return reply
        self._before[name] = reply
        return self._spoilt(name, reply)

    def _spoilt(self, name: str, reply: Reply) -> Reply:
        """The reply with what lasts done to its records."""
        changes: list[tuple[str, Callable[[dict[str, Any]], None]]] = [
            ("new_column", lambda record: record.update(loyalty_tier="gold")),
            ("no_column", lambda record: record.pop(self.face.amount, None)),
            ("flipped", lambda record: record.update({self.face.amount: {"at": record.get(self.face.amount)}})),
        ]
        wanted = [(fault, change) for fault, change in changes if fault in self.faults]
        if not wanted and "empty" not in self.faults:
            return reply
        document = json.loads(str(reply.body))
        if "empty" in self.faults:
            self.struck["empty"] += 1
            document[name] = []
        for fault, change in wanted:
            self.struck[fault] += 1
            for record in document[name]:
                change(record)
        return replace(reply, body=json_text(document))

    def _strikes(self, fault: str) -> bool:
        if fault not in self.faults or not self._timers[fault].strikes():
            return False
        self.struck[fault] += 1
        return True

    def _once(self, fault: str, name: str) -> bool:
        if fault not in self.faults or (fault, name) in self._done:
            return False
        self._done.add((fault, name))
        self.struck[fault] += 1
        return True

    def _touch(self, name: str, fault: str, moment: datetime) -> None:
        """Somebody saves a record of the list again without changing anything but when it changed."""
        if name not in ("orders", "customers", "tickets", "users") or not self._once(fault, name):
            return
        rows = self.systems.query(f"select id, body from {name} order by updated desc, id limit 50")
        number, body = self._timers[fault].die.choice(rows)
        record = json.loads(str(body))
        record["updated_at"] = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self.systems.touch(name, int(str(number)), int(moment.timestamp()), json_text(record))
