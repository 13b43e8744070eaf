"""The company's people once more, in plain Python: who is who, what they bought, and what they are scored.

What belongs here: union-find over identifiers as the raw deliveries state them, scores by recency, frequency and
monetary value, and stages of the lifecycle, by the written definitions and the shipped configuration. Whose a name is
is not decided here: names that differ are only noticed, because a group without any is known to be one person.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import phonenumbers

from tests.integration.recompute import (
    REPORTING_ZONE,
    SOURCE_RANK,
    ZERO,
    Books,
    Order,
    instant,
    seed_rows,
)
from tests.integration.recompute_lifecycle import Medians, Purchase, medians_of, stages
from tests.integration.recompute_statements import published_key, statements

Value = tuple[str, str]


@dataclass
class Record:
    """One record of a person or device in one source, with all values that it ever stated."""

    key: str
    created_at: datetime
    names: set[str] = field(default_factory=set)
    birth_dates: set[str] = field(default_factory=set)
    values: set[Value] = field(default_factory=set)

    @property
    def is_anonymous(self) -> bool:
        return self.key.startswith("events/device/")


def raw_rows(home: Path, table: str) -> list[dict[str, Any]]:
    """A raw table as it was delivered, all versions of every record."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        found = warehouse.execute(f"select * from {table}")
        columns = [column[0] for column in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def phone(text: str | None, region: str) -> str | None:
    if not text:
        return None
    # 00 is dialled for abroad nearly everywhere and begins no number in the countries of this company.
    readable = re.sub(r"^\s*00", "+", unicodedata.normalize("NFKC", text))
    try:
        number = phonenumbers.parse(readable, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class Blocked:
    """Values that link nothing: placeholders, listed as they are or as patterns."""

    def __init__(self) -> None:
        self.listed: set[Value] = set()
        self.patterns: list[tuple[str, re.Pattern[str]]] = []
        for row in seed_rows("identity_blocked_values"):
            if row["is_pattern"] == "y":
                self.patterns.append((row["type"], re.compile(row["value"])))
            else:
                self.listed.add((row["type"], row["value"]))

    def __contains__(self, value: Value) -> bool:
        kind, text = value
        forms = {text}
        if kind == "phone":
            national = str(phonenumbers.parse(text).national_number)
            forms |= {national, "0" + national, text.lstrip("+")}
        return any((kind, form) in self.listed for form in forms) or any(
            of in (kind, "*") and pattern.fullmatch(form) for of, pattern in self.patterns for form in forms
        )


class Groups:
    """Union-find."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, key: str) -> str:
        while self.parent.setdefault(key, key) != key:
            self.parent[key] = self.parent[self.parent[key]]
            key = self.parent[key]
        return key

    def union(self, keys: Iterable[str]) -> None:
        first, *others = keys
        for other in others:
            self.parent[self.find(other)] = self.find(first)


class Identities:
    """Every record with its values, and the groups that exact values alone would make of them."""

    def __init__(self, home: Path) -> None:
        self.records: dict[str, Record] = {}
        self._read_shop(home)
        self._read_till(home)
        self._read_desk(home)
        self._read_events(home)
        self._read_exports(home)
        self.key_of = {published_key(home, key): key for key in self.records}
        blocked = Blocked()
        self.carriers: dict[Value, set[str]] = defaultdict(set)
        for record in self.records.values():
            for value in record.values:
                if value not in blocked:
                    self.carriers[value].add(record.key)
        self.rules = {row["type"]: row for row in seed_rows("identity_rules")}
        self.linking = {
            value: carriers
            for value, carriers in self.carriers.items()
            if len(carriers) <= int(self.rules[value[0]]["max_records_per_value"])
        }
        self.known = Groups()
        for (kind, _), carriers in self.linking.items():
            if self.rules[kind]["anonymous"] == "n":
                self.known.union(carriers)

    def _add(
        self, key: str, created_at: str | datetime, name: str | None, values: Iterable[tuple[str, str | None]]
    ) -> Record:
        at = created_at if isinstance(created_at, datetime) else instant(created_at)
        record = self.records.setdefault(key, Record(key, at))
        record.created_at = min(record.created_at, at)
        if name and name.strip():
            words = unicodedata.normalize("NFKC", name).casefold().split()
            # Family names come first or last, and East Asian names with or without a space.
            record.names.add(" ".join(sorted(words if name.isascii() else "".join(words))))
        record.values |= {(kind, text) for kind, text in values if text}
        return record

    def _read_shop(self, home: Path) -> None:
        for row in raw_rows(home, "raw_shopify.customers"):
            address = json.loads(row["default_address"] or "null") or {}
            self._add(
                f"shopify/customer/{row['id']}",
                row["created_at"],
                f"{row['first_name'] or ''} {row['last_name'] or ''}",
                [
                    ("phone", phone(row["phone"], address.get("country_code") or "CN")),
                    ("email", (row["email"] or "").strip().lower()),
                    ("login", row["id"]),
                ],
            )
        for row in raw_rows(home, "raw_shopify.orders"):
            if json.loads(row["customer"] or "null") or not (row["email"] or row["phone"]):
                continue
            address = json.loads(row["billing_address"] or "null") or {}
            self._add(
                f"shopify/guest_order/{row['id']}",
                row["created_at"],
                address.get("name"),
                [
                    ("phone", phone(row["phone"], address.get("country_code") or "CN")),
                    ("email", (row["email"] or "").strip().lower()),
                ],
            )

    def _read_till(self, home: Path) -> None:
        countries = {row["store_id"]: row["country"] for row in raw_rows(home, "raw_pos.stores")}
        for row in raw_rows(home, "raw_pos.members"):
            record = self._add(
                f"pos/member/{row['member_no']}",
                row["joined_at"],
                row["full_name"],
                [
                    ("phone", phone(row["phone"], row["country"] or countries[row["store_id"]])),
                    ("email", (row["email"] or "").strip().lower()),
                    ("member_no", row["member_no"]),
                ],
            )
            record.birth_dates |= {row["birth_date"]} - {None}
        for row in raw_rows(home, "raw_pos.receipts"):
            if row["member_no"] or not (row["customer_name"] or row["customer_phone"]):
                continue
            record = self._add(
                f"pos/name_only/{row['receipt_id']}",
                row["sold_at"],
                row["customer_name"],
                [("phone", phone(row["customer_phone"], countries[row["store_id"]]))],
            )
            record.birth_dates |= {row["customer_birth_date"]} - {None}

    def _read_desk(self, home: Path) -> None:
        zones = {row["timezone"]: row["country_code"] for row in seed_rows("timezone_countries")}
        for row in raw_rows(home, "raw_zendesk.users"):
            region = zones.get(json.loads(row["_extra"] or "{}").get("iana_time_zone", ""), "CN")
            if row["role"] == "end-user":
                self._add(
                    f"zendesk/requester/{row['id']}",
                    row["created_at"],
                    row["name"],
                    [
                        ("phone", phone(row["phone"], region)),
                        ("email", (row["email"] or "").strip().lower()),
                        ("login", row["external_id"]),
                    ],
                )

    def _read_events(self, home: Path) -> None:
        for row in raw_rows(home, "raw_events.events"):
            device = ("device", row["anonymousId"])
            self._add(f"events/device/{row['anonymousId']}", row["timestamp"], None, [device])
            if row["userId"]:
                traits = json.loads(row["traits"] or "null") or {}
                self._add(
                    f"events/user/{row['userId']}",
                    row["timestamp"],
                    traits.get("name"),
                    [
                        device,
                        ("login", row["userId"]),
                        ("phone", phone(traits.get("phone"), "CN")),
                        ("email", (traits.get("email") or "").strip().lower()),
                    ],
                )

    def _read_exports(self, home: Path) -> None:
        """A record began when the first file that names it says; without a time, by the clock of its first run."""
        delivered = {
            (row["source_system"], row["_file_name"]): row["as_of"]
            for row in raw_rows(
                home,
                "(select distinct source_system, _file_name, _load_id from raw_exports.customers) as rows"
                " join (select load_id, min(as_of) as as_of from ops.loads group by all) as loads"
                " on rows._load_id = loads.load_id",
            )
        }
        named_in: dict[str, str] = {}
        for file, told in statements(home):
            first = named_in.setdefault(told.record, file)
            at = told.at or delivered[file.split("/")[0], file]
            self._add(
                told.record,
                at if file == first else self.records[told.record].created_at,
                told.name,
                [
                    ("phone", phone(told.phone, told.region or "CN")),
                    ("email", (told.email or "").strip().lower()),
                    ("member_no", told.member_no),
                    ("openid", told.open_id),
                ],
            )

    def known_groups(self) -> list[list[Record]]:
        groups = defaultdict(list)
        for record in self.records.values():
            if not record.is_anonymous:
                groups[self.known.find(record.key)].append(record)
        return list(groups.values())

    def has_no_contradiction(self, group: list[Record]) -> bool:
        """Nobody in it has another name or birth date, and no limit of values per person is broken."""
        if len(set().union(*(record.names for record in group))) > 1:
            return False
        if len(set().union(*(record.birth_dates for record in group))) > 1:
            return False
        values = set().union(*(record.values for record in group))
        return all(
            sum(kind == of for of, _ in values) <= int(rule["max_values_per_person"])
            for kind, rule in self.rules.items()
            if rule["max_values_per_person"]
        )


def of_customers(books: Books, customer_of: dict[str, str]) -> dict[str, list[Order]]:
    """The valid orders of each person, first to last."""
    found = defaultdict(list)
    for order in books.orders.values():
        if order.is_valid and order.record in customer_of:
            found[customer_of[order.record]].append(order)
    for orders in found.values():
        orders.sort(key=lambda order: (order.ordered_at, SOURCE_RANK[order.key[0]], order.key[1]))
    return found


def is_qualifying(order: Order, day: date) -> bool:
    return order.due == 0 or order.due_after_refunds(day) > 0


def cut_points(values: list[Any], bins: int) -> list[Fraction]:
    """Type-7 quantiles at k/bins, exact."""
    ordered = sorted(Fraction(value) for value in values)
    cuts = []
    for k in range(1, bins):
        place = Fraction(k * (len(ordered) - 1), bins)
        below = place.numerator // place.denominator
        above = min(below + 1, len(ordered) - 1)
        cuts.append(ordered[below] + (place - below) * (ordered[above] - ordered[below]))
    return cuts


def rfm(
    books: Books, bought: dict[str, list[Order]], customer_of: dict[str, str], day: date
) -> dict[str, tuple[Any, ...]]:
    """Per person: recency, frequency, monetary, the three scores and the segment as of a day."""
    config = seed_rows("rfm_config")[0]
    bins, window = int(config["bins"]), timedelta(days=int(config["window_days"]))
    measures = {}
    for customer, orders in bought.items():
        in_window = [
            order for order in orders if day - window < order.reporting_date <= day and is_qualifying(order, day)
        ]
        if in_window:
            spent = sum(
                (
                    books.rates.reporting(order.due_after_refunds(day), order.currency, order.order_date)
                    for order in in_window
                ),
                ZERO,
            )
            last = max(order.reporting_date for order in in_window)
            measures[customer] = [(day - last).days, len(in_window), spent]
    for refund in books.refunds.values():
        customer = customer_of.get(refund.record or "")
        if refund.order is None and customer in measures and day - window < refund.reporting_date <= day:
            measures[customer][2] -= books.rates.reporting(refund.amount, refund.currency, refund.business_date)
    if len(measures) < int(config["min_people"]):
        return {customer: (*found, None, None, None, "insufficient data") for customer, found in measures.items()}
    cuts = [cut_points([found[part] for found in measures.values()], bins) for part in range(3)]
    scored = {}
    for customer, found in measures.items():
        r, f, m = (1 + sum(Fraction(found[part]) > cut for cut in cuts[part]) for part in range(3))
        scored[customer] = (*found, bins + 1 - r, f, m, segment(bins + 1 - r, f, m))
    return scored


def segment(r: int, f: int, m: int) -> str:
    for row in sorted(seed_rows("rfm_segments"), key=lambda row: int(row["priority"])):
        if row["scheme"] == seed_rows("rfm_config")[0]["segments"] and all(
            Fraction(row[f"{name}_min"] or 0) <= score <= Fraction(row[f"{name}_max"] or 10)
            for name, score in (("r", r), ("f", f), ("m", m), ("fm", Fraction(f + m, 2)))
        ):
            return row["segment"]
    return "others"


def largest_category(order: Order) -> str | None:
    """The one that most of the money went to; nothing where no line tells its category."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in order.lines:
        if not line.is_gift_card and line.category:
            totals[line.category] += line.net
    return min(totals, key=lambda category: (-totals[category], category), default=None)


def lifecycle(
    bought: dict[str, list[Order]], first_seen: dict[str, datetime], as_of: datetime, medians: Medians
) -> dict[str, list[tuple[str, datetime, datetime | None]]]:
    """Per person the stages entered by the as-of, each with its start and its end."""
    qualifying = {
        customer: [
            Purchase(order.ordered_at, largest_category(order))
            for order in orders
            if order.ordered_at <= as_of and is_qualifying(order, date.max)
        ]
        for customer, orders in bought.items()
    }
    known = medians_of(qualifying.values(), REPORTING_ZONE) | medians
    config = seed_rows("lifecycle_config")[0]
    return {
        customer: stages(qualifying.get(customer, []), seen, as_of, known, config, REPORTING_ZONE)
        for customer, seen in first_seen.items()
    }
