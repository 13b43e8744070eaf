"""People whose orders, touches and tickets are written down in a test, and who get tags from the warehouse's models.

Here: the marts before the customer features, as rows, and nights upon nights on them. Not here: what tags they should
have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from bench.rendered import Models
from dagster_project import decided, tag_rules
from dagster_project.run_inputs import TAG_COLUMNS

SHIPPED = Path(__file__).parents[2] / "seeds" / tag_rules.FILE
ZONE = "Asia/Shanghai"
BUILT = ("int_customers__feature_people", "customer_features", "int_customers__tag_sets", "customer_tags")
GIVEN = {
    "customers": "customer_id varchar, source_systems varchar, first_channel varchar, preferred_channel varchar,"
    " city varchar, country varchar, gender varchar, age_band varchar, member_level varchar, lifecycle_stage varchar,"
    " rfm_segment varchar, orders_count integer, net_revenue decimal(18, 3), marketing_consent boolean,"
    " is_anonymous boolean, first_seen_at timestamptz, last_seen_at timestamptz, first_order_at timestamptz,"
    " last_order_at timestamptz",
    "orders": "order_id varchar, customer_id varchar, channel varchar, is_valid boolean, gross_amount_reporting"
    " decimal(18, 3), discount_amount decimal(18, 3), discount_amount_reporting decimal(18, 3), due_amount_reporting"
    " decimal(18, 3), refund_amount decimal(18, 3), refund_amount_reporting decimal(18, 3), net_amount_reporting"
    " decimal(18, 3), reporting_date date, ordered_at timestamptz, cancelled_at timestamptz, due_amount decimal(18, 3),"
    " net_amount decimal(18, 3), _fingerprint ubigint",
    "order_lines": "order_id varchar, category varchar, net_amount_reporting decimal(18, 3), is_gift_card boolean",
    "refunds": "customer_id varchar, kind varchar, is_counted boolean",
    "touchpoints": "customer_id varchar, touchpoint_type varchar, is_session_start boolean, occurred_at timestamptz",
    "service_tickets": "ticket_id varchar, customer_id varchar, category varchar, status varchar,"
    " csat_score decimal(9, 3), same_question_count integer, created_at timestamptz",
    "customer_rfm": "customer_id varchar, r_score integer, f_score integer, m_score integer, is_tonight boolean",
    "customer_lifecycle": "customer_id varchar, stage varchar, entered_at timestamptz, left_at timestamptz,"
    " next_stage_at timestamptz",
    "customer_value": "customer_id varchar, historic_margin decimal(18, 3), alive_probability decimal(9, 6),"
    " predicted_purchases_12m decimal(18, 6), predicted_value_12m decimal(18, 3)",
}
DAY = timedelta(days=1)


def noon(day: date) -> datetime:
    """Midday of the shop's day, as an instant."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


class People:
    """A warehouse with the marts that features are made of, and the decisions of the nights that were published."""

    def __init__(self, rules: Path = SHIPPED) -> None:
        self.db = duckdb.connect(config={"threads": 1})
        self.models = Models(self.db, {"OMNIHOUSE_TIMEZONE": ZONE})
        self.rules = rules
        self.seen: dict[str, datetime] = {}
        self.about: dict[str, dict[str, Any]] = {}
        self.given: dict[str, list[dict[str, Any]]] = {name: [] for name in GIVEN}
        self.person_of: dict[str, str] = {}
        self.refused: list[tag_rules.RefusedRule] = []
        # Publications so far, and the number that the last night has or would have.
        self.nights = self.number = 0
        self.places: dict[str, int] = {}
        self._table("tags_before", ", ".join(TAG_COLUMNS), [])

    def known(self, name: str, day: date, **about: Any) -> None:
        """Somebody who is first seen that day; `about`: columns of customers, scores, stage and value."""
        self.seen[name] = noon(day)
        self.about[name] = about

    def order(
        self, name: str, at: date | datetime, net: int | str = 100, *, discount: int | str = 0, refund: int | str = 0,
        channel: str = "store", categories: Iterable[str] = (), is_valid: bool = True,
    ) -> None:  # fmt: skip
        """An order, its lines of equal worth."""
        at = at if isinstance(at, datetime) else noon(at)
        number = f"{name} {len(self.given['orders'])}"
        net, discount, refund = (Decimal(amount) for amount in (net, discount, refund))
        categories = list(categories)
        self.given["orders"].append(
            {
                "order_id": number, "customer_id": name, "channel": channel, "is_valid": is_valid,
                "gross_amount_reporting": net + discount + refund, "discount_amount": discount,
                "discount_amount_reporting": discount, "due_amount_reporting": net + refund, "refund_amount": refund,
                "refund_amount_reporting": refund, "net_amount_reporting": net, "reporting_date": self.day(at),
                "ordered_at": at, "cancelled_at": None if is_valid else at, "due_amount": net + refund,
                "net_amount": net,
            }
        )  # fmt: skip
        self.given["order_lines"] += [
            {"order_id": number, "category": category, "net_amount_reporting": net / len(categories),
             "is_gift_card": False} for category in categories
        ]  # fmt: skip

    def touch(self, name: str, kind: str, at: date | datetime, is_session_start: bool = False) -> None:
        """A touchpoint."""
        at = at if isinstance(at, datetime) else noon(at)
        self.given["touchpoints"].append(
            {"customer_id": name, "touchpoint_type": kind, "is_session_start": is_session_start, "occurred_at": at}
        )

    def ticket(self, name: str, at: date | datetime, category: str = "delivery", same: int = 1, **more: Any) -> None:
        """A ticket; `same`: contacts of this category in the thirty days up to it."""
        at = at if isinstance(at, datetime) else noon(at)
        self.given["service_tickets"].append(
            {"ticket_id": str(len(self.given["service_tickets"])), "customer_id": name, "category": category,
             "status": "closed", "csat_score": None, "same_question_count": same, "created_at": at, **more}
        )  # fmt: skip

    def night(self, day: date, publish: bool = True) -> People:
        """Build the models as of the end of the day upon what earlier nights built."""
        self.number = number = self.nights + 1
        self.nights += publish
        self._table(
            "run_parameters", "as_of timestamptz, as_of_date date, night integer", [(noon(day + DAY), day, number)]
        )
        self._marts()
        rules, self.refused = tag_rules.read(self.rules, self.places)
        self._table(
            "tag_rules",
            "place integer, tag varchar, category varchar, condition_sql varchar, value_sql varchar, valid_from date,"
            " valid_until date, is_in_force boolean, is_new boolean",
            [(rule.place, rule.tag, rule.category, rule.condition_sql, rule.value_sql, rule.valid_from,
              rule.valid_until, rule.holds_on(day), rule.is_new) for rule in rules],
        )  # fmt: skip
        for model in BUILT:
            self.models.build(model)
        if publish:
            self.places |= {rule.tag: rule.place for rule in rules}
            query = decided.TAGS["tags"]
            for schema in ("marts.", "intermediate.", "ops."):
                query = query.replace(schema, "")
            self.db.execute(f"create temp table told as {query}", {"night": number, "run_id": "r"})
            self.db.execute("insert into tags_before by name select * exclude (run_id) from told; drop table told")
        return self

    def anew(self, day: date) -> People:
        """The same night on a new warehouse, with the decisions that there were before it."""
        other = People(self.rules)
        other.seen, other.about, other.given, other.person_of = self.seen, self.about, self.given, self.person_of
        other.places, other.nights = dict(self.places), self.number - 1
        before = self.db.execute("select * from tags_before where night < $1", [self.number]).fetchall()
        other._table("tags_before", ", ".join(TAG_COLUMNS), before)
        return other.night(day, publish=False)

    def tags(self, name: str) -> set[str]:
        """The tags of a person."""
        found = self.db.execute("select tag from customer_tags where customer_id = $1", [name]).fetchall()
        return {tag for (tag,) in found}

    def since(self, name: str) -> dict[str, date]:
        """Tag → since when."""
        query = "select tag, since from customer_tags where customer_id = $1"
        return dict(self.db.execute(query, [name]).fetchall())

    def value(self, name: str, tag: str) -> str | None:
        """The value of a person's tag."""
        query = "select value from customer_tags where customer_id = $1 and tag = $2"
        return self.db.execute(query, [name, tag]).fetchone()[0]

    def feature(self, name: str, column: str) -> Any:
        """One feature of a person."""
        query = f"select {column} from customer_features where customer_id = $1"
        return self.db.execute(query, [name]).fetchone()[0]

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """The marts without what says when a row was written."""
        return {
            table: self.db.execute(f"select * exclude (_loaded_at) from {table} order by all").fetchall()
            for table in ("customer_features", "customer_tags")
        }

    def written(self, table: str) -> dict[str, datetime]:
        """Person → when their rows were written last."""
        return dict(self.db.execute(f"select customer_id, max(_loaded_at) from {table} group by all").fetchall())

    @staticmethod
    def day(at: datetime) -> date:
        """The day in the reporting zone."""
        return at.astimezone(ZoneInfo(ZONE)).date()

    def _whose(self, name: str) -> str:
        return self.person_of.get(name, name)

    def _marts(self) -> None:
        rows = {
            name: [row | {"customer_id": self._whose(row["customer_id"])} if "customer_id" in row else row
                   for row in listed]
            for name, listed in self.given.items()
        }  # fmt: skip
        bought: dict[str, list[dict[str, Any]]] = {}
        for order in sorted(rows["orders"], key=lambda order: (order["ordered_at"], order["order_id"])):
            lines = [line for line in rows["order_lines"] if line["order_id"] == order["order_id"]]
            order["_fingerprint"] = hash(repr((sorted(order.items(), key=str), lines))) % 2**63
            if order["is_valid"]:
                bought.setdefault(order["customer_id"], []).append(order)
        for name in {self._whose(name) for name in self.seen}:
            about = dict(self.about[name])
            orders = bought.get(name, [])
            seen = [at for other, at in self.seen.items() if self._whose(other) == name]
            signs = seen + [order["ordered_at"] for order in orders]
            for table, columns in (
                ("customer_rfm", ("r_score", "f_score", "m_score")),
                ("customer_value", ("historic_margin", "predicted_purchases_12m", "predicted_value_12m")),
            ):
                found = {column: about.pop(column) for column in columns if column in about}
                if found:
                    rows[table].append({"customer_id": name, "is_tonight": True} | found)
            stage, left = about.get("lifecycle_stage", "prospect"), about.pop("next_stage_at", None)
            rows["customer_lifecycle"].append(
                {"customer_id": name, "stage": stage, "entered_at": signs[0], "next_stage_at": left}
            )
            rows["customers"].append(
                {"customer_id": name, "source_systems": "pos", "is_anonymous": False, "marketing_consent": False,
                 "lifecycle_stage": stage, "orders_count": len(orders), "net_revenue": sum(
                     (order["net_amount_reporting"] for order in orders), Decimal(0)),
                 "first_seen_at": min(signs), "last_seen_at": max(signs),
                 "first_order_at": orders[0]["ordered_at"] if orders else None,
                 "last_order_at": orders[-1]["ordered_at"] if orders else None} | about
            )  # fmt: skip
        for name, columns in GIVEN.items():
            names = [column.split()[0] for column in re.split(r", (?!\d)", columns)]
            self._table(name, columns, [tuple(row.get(column) for column in names) for row in rows[name]])
        self.db.execute(
            "create or replace table int_customers__people as select customer_id, bit_xor(hash(orders._fingerprint))"
            " as orders_fingerprint from customers left join orders using (customer_id) group by customer_id"
        )

    def _table(self, name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        self.db.execute(f"create or replace table {name} ({columns})")
        if rows:
            self.db.executemany(f"insert into {name} values ({', '.join('?' * len(rows[0]))})", rows)
