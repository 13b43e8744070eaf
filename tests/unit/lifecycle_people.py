"""A shop whose people and orders are written down in a test, and put into stages by the warehouse's own models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from bench.rendered import Models

SEEDS = Path(__file__).parents[2] / "seeds"
ZONE = "Asia/Shanghai"
BUILT = (
    *("int_customers__people", "int_customers__valid_orders", "int_customers__gap_medians"),
    *("int_customers__lifecycle_people", "customer_lifecycle"),
)
CONFIG = {
    "mode": "adaptive", "at_risk_factor": "1.5", "dormant_factor": "3", "lost_factor": "6", "prior_gaps": 2,
    "min_category_gaps": 30, "min_gap_days": 7, "max_gap_days": 365, "default_gap_days": 40, "at_risk_days": 60,
    "dormant_days": 120, "lost_days": 240,
}  # fmt: skip
DAY = timedelta(days=1)
Stage = tuple[str, datetime, datetime | None]


def local(text: str) -> datetime:
    """A time of the shop's day, as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


class People:
    """A warehouse with the tables that the lifecycle reads, and nothing else."""

    def __init__(self, **config: Any) -> None:
        self.db = duckdb.connect(config={"threads": 1})
        self.models = Models(self.db, {"OMNIHOUSE_TIMEZONE": ZONE})
        self.config = CONFIG | config
        # Person → when they were first known; they are known by one record, and are whoever this says.
        self.seen: dict[str, datetime] = {}
        self.orders: dict[str, tuple[str, str | None, datetime, bool]] = {}
        self.person_of: dict[str, str] = {}
        self.decided: list[tuple[Any, ...]] = []

    def order(
        self, name: str, at: datetime, customer: str = "ann", category: str | None = None, qualifies: bool = True
    ) -> None:
        self.orders[name] = (customer, category, at, qualifies)

    def bought(self, *times: datetime, customer: str = "ann", category: str | None = None) -> None:
        for number, at in enumerate(times):
            self.order(f"{customer} {number}", at, customer, category)

    def night(self, as_of: datetime, publish: bool = False) -> People:
        """Write tonight's tables and build the models upon what earlier nights built."""
        db = self.db
        as_of_date = as_of.astimezone(ZoneInfo(ZONE)).date() - DAY
        self._table("run_parameters", "as_of timestamptz, as_of_date date", [(as_of, as_of_date)])
        self._table(
            "gap_medians_before", "quarter date, category varchar, gaps bigint, median_seconds double", self.decided
        )
        kinds = dict.fromkeys(self.config, "integer") | {
            "mode": "varchar", "at_risk_factor": "decimal(9, 3)", "dormant_factor": "decimal(9, 3)",
            "lost_factor": "decimal(9, 3)",
        }  # fmt: skip
        self._table(
            "lifecycle_config", ", ".join(f"{name} {kinds[name]}" for name in self.config),
            [tuple(self.config.values())],
        )  # fmt: skip
        whose = {name: self.person_of.get(customer, customer) for name, (customer, *_) in self.orders.items()}
        people = sorted(self.seen.keys() | {customer for customer, *_ in self.orders.values()})
        self._table(
            "int_identity__members", "record_key varchar, customer_id varchar, is_anonymous boolean",
            [(record, self.person_of.get(record, record), record.startswith("device")) for record in people],
        )  # fmt: skip
        self._table(
            "int_identity__records", "record_key varchar, first_seen_at timestamptz, source_system varchar,"
            " last_seen_at timestamptz",
            [(record, self.seen[record] if record in self.seen else self._first(record), "pos", None)
             for record in people],
        )  # fmt: skip
        numbered: dict[str, int] = {}
        rows = []
        for name, (_, category, at, qualifies) in sorted(self.orders.items(), key=lambda item: (item[1][2], item[0])):
            numbered[whose[name]] = numbered.get(whose[name], 0) + 1
            # A purchase has something to be paid that was not given back.
            rows.append(
                (name, whose[name], "pos", category, 1, int(qualifies), 1, int(qualifies), True, numbered[whose[name]],
                 self.day(at), at)
            )  # fmt: skip
        self._table(
            "given_orders",
            "order_id varchar, customer_id varchar, source_system varchar, main_category varchar, due_amount integer,"
            " net_amount integer, due_amount_reporting integer, net_amount_reporting integer, is_valid boolean,"
            " customer_order_number integer, reporting_date date, ordered_at timestamptz",
            rows,
        )
        db.execute("create or replace table orders as select *, hash(given_orders) as _fingerprint from given_orders")
        for model in BUILT:
            self.models.build(model)
        if publish:
            self.decided = db.execute(
                "select quarter, category, gaps, median_seconds from int_customers__gap_medians"
            ).fetchall()
        return self

    def anew(self, as_of: datetime) -> People:
        """The same people, orders and decisions in a warehouse that is built for the first time."""
        other = People(**self.config)
        other.seen, other.orders, other.person_of = self.seen, self.orders, self.person_of
        other.decided = self.decided
        return other.night(as_of)

    def stages(self, customer: str | None = None) -> list[Any]:
        """(person, stage, entered, left) of everybody, or (stage, entered, left) of one."""
        self.db.execute("set TimeZone = 'UTC'")
        rows = self.db.execute(
            "select customer_id, stage, entered_at, left_at from customer_lifecycle order by customer_id, entered_at"
        ).fetchall()
        rows = [(person, stage, at.astimezone(UTC), end and end.astimezone(UTC)) for person, stage, at, end in rows]
        return rows if customer is None else [row[1:] for row in rows if row[0] == customer]

    def table(self) -> list[tuple[Any, ...]]:
        """The mart without what says when a row was written."""
        return self.db.execute("select * exclude (_loaded_at) from customer_lifecycle order by all").fetchall()

    def written(self) -> Mapping[str, datetime]:
        """Person → when their rows were written last."""
        return dict(
            self.db.execute("select customer_id, max(_loaded_at) from customer_lifecycle group by all").fetchall()
        )

    def gaps(self) -> dict[str, float]:
        """Order → the usual gap at it, in days."""
        gaps = self.models.rendered("{{ usual_gaps('int_customers__lifecycle_people') }}")
        return dict(self.db.execute(f"select order_id, usual_gap_seconds / 86400 from ({gaps})").fetchall())

    @staticmethod
    def day(at: datetime) -> date:
        return at.astimezone(ZoneInfo(ZONE)).date()

    def _first(self, record: str) -> datetime:
        return min(at for customer, _, at, _ in self.orders.values() if customer == record)

    def _table(self, name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        self.db.execute(f"create or replace table {name} ({columns})")
        if rows:
            self.db.executemany(f"insert into {name} values ({', '.join('?' * len(rows[0]))})", rows)
