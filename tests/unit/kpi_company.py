"""A company whose orders, tickets, messages and touches are written down in a test, and its key figures by the models.

Here: the tables that the models of key figures read, with the columns that they use. Not here: what is expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from dagster_project import decided
from tests.integration.recompute import REPORTING_ZONE
from tests.integration.recompute_kpis import ALL, Facts, day_of
from tests.unit.compiled_models import compiled, model_text, relation

__all__ = ["ALL", "AS_OF", "DAY", "MACROS", "Company", "Nights", "insert", "local"]

AS_OF = datetime(2026, 6, 30, 18, tzinfo=UTC)
DAY = timedelta(days=1)
MACROS = ("types", "reporting", "marts_time", "marts_money", "marts_incremental", "kpis", "rfm")
MODELS = ("int_orders__margins", "int_kpis__holdouts", "kpi_daily", "cohort_retention", "kpi_monthly")
BEFORE = {
    "kpis": (
        "kpi varchar, month date, channel varchar, variant varchar, value decimal(24, 6),"
        " previous_value decimal(24, 6), cause varchar, is_change boolean, changed_at timestamptz, night integer,"
        " run_id varchar"
    ),
    "kpi_inputs": "input varchar, month date, fingerprint ubigint, night integer, run_id varchar",
}
TABLES = {
    "orders": {
        "order_id": "varchar", "customer_id": "varchar", "channel": "varchar", "ordered_at": "timestamptz",
        "reporting_date": "date", "due_amount": "decimal(18, 3)", "net_amount": "decimal(18, 3)",
        "net_amount_reporting": "decimal(18, 3)", "is_valid": "boolean", "customer_order_number": "integer",
        "refund_amount": "decimal(18, 3)", "net_sales_amount": "decimal(18, 3)", "fx_rate": "decimal(20, 12)",
    },
    "order_lines": {
        "order_id": "varchar", "sku": "varchar", "quantity": "decimal(18, 3)", "refunded_quantity": "decimal(18, 3)",
        "is_gift_card": "boolean",
    },
    "audience_members": {
        "audience": "varchar", "customer_id": "varchar", "arm": "varchar", "member_since": "date",
    },
    "customer_value": {"predicted_value_12m": "decimal(18, 3)"},
    "customers": {
        "customer_id": "varchar", "source_systems": "varchar", "is_anonymous": "boolean",
        "marketing_consent": "boolean",
    },
    "service_tickets": {
        "channel": "varchar", "created_at": "timestamptz", "solved_at": "timestamptz", "first_reply_seconds": "bigint",
        "full_resolution_seconds": "bigint", "csat_score": "decimal(9, 3)", "nps_score": "decimal(9, 3)",
        "is_one_touch": "boolean", "_fingerprint": "ubigint",
    },
    "messages": {
        "message_id": "varchar", "source_system": "varchar", "channel": "varchar", "event": "varchar",
        "occurred_at": "timestamptz", "message_event_id": "varchar",
    },
    "ad_performance": {
        "ad_performance_id": "varchar", "platform": "varchar", "date": "date", "cost": "decimal(18, 3)",
        "currency": "varchar", "cost_reporting": "decimal(18, 3)",
    },
    "touchpoints": {
        "touchpoint_id": "varchar",
        "customer_id": "varchar", "channel": "varchar", "is_eligible": "boolean", "occurred_at": "timestamptz",
    },
    "channel_roi": {
        "month": "date", "channel": "varchar", "model": "varchar", "cost": "decimal(18, 3)",
        "new_customers": "decimal(24, 12)", "attributed_revenue": "decimal(18, 3)",
    },
    "attribution_channel_weights": {"month": "date", "model": "varchar", "is_final": "boolean"},
    "journey_funnel": {
        "journey": "varchar", "entry_month": "date", "runs_completed": "bigint", "runs_ended": "bigint",
        "runs_left": "bigint", "runs_open": "bigint",
    },
}  # fmt: skip


def local(*parts: int) -> datetime:
    """A time of the reporting zone."""
    return datetime(*parts, tzinfo=REPORTING_ZONE)


class Company:
    """Rows by table; what a row does not say is NULL, but for the columns that follow from others."""

    def __init__(self, as_of: datetime, margin_share: str = "0.40") -> None:
        self.as_of, self.margin_share = as_of, margin_share
        self.costs: dict[str, Decimal] = {}
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}

    def add(self, table: str, **cells: Any) -> None:
        self.rows[table].append(dict.fromkeys(TABLES[table]) | cells)

    def order(self, customer: str | None, at: datetime, net: str = "10", due: str | None = None, **cells: Any) -> None:
        amount = Decimal(net)
        self.add(
            "orders",
            order_id=f"o{len(self.rows['orders'])}", customer_id=customer, ordered_at=at, reporting_date=day_of(at),
            due_amount=Decimal(due or net), net_amount=amount, net_amount_reporting=amount,
            refund_amount=Decimal(due or net) - amount, net_sales_amount=amount, fx_rate=Decimal(1),
            **{"channel": "shop", "is_valid": True} | cells,
        )  # fmt: skip
        if customer and all(row["customer_id"] != customer for row in self.rows["customers"]):
            self.add(
                "customers", customer_id=customer, source_systems="shop", is_anonymous=False, marketing_consent=False
            )

    def line(self, order: int, sku: str, quantity: int, given_back: int | None = None) -> None:
        """An article of the order that was placed as the n-th, counted from 0."""
        self.add("order_lines", order_id=f"o{order}", sku=sku, quantity=Decimal(quantity), is_gift_card=False,
                 refunded_quantity=None if given_back is None else Decimal(given_back))  # fmt: skip

    def touch(self, customer: str, channel: str, at: datetime) -> None:
        self.add(
            "touchpoints", touchpoint_id=f"t{len(self.rows['touchpoints'])}", customer_id=customer, channel=channel,
            is_eligible=True, occurred_at=at,
        )  # fmt: skip

    def cost(self, day: Any, amount: str) -> None:
        cost = Decimal(amount)
        self.add("ad_performance", ad_performance_id=f"ads {day}", platform="ads", date=day, cost=cost, currency="CNY",
                 cost_reporting=cost)  # fmt: skip

    def numbered(self) -> None:
        numbers: dict[str, int] = {}
        for order in sorted(self.rows["orders"], key=lambda row: (row["ordered_at"], row["order_id"])):
            if order["is_valid"] and order["customer_id"] is not None:
                number = numbers[order["customer_id"]] = numbers.get(order["customer_id"], 0) + 1
                order["customer_order_number"] = number

    def facts(self) -> Facts:
        """The same company, for the second working-out."""
        self.numbered()
        return Facts(
            as_of=self.as_of, orders=self.rows["orders"], customers=self.rows["customers"],
            tickets=self.rows["service_tickets"], messages=self.rows["messages"], ads=self.rows["ad_performance"],
            touchpoints=self.rows["touchpoints"], attribution=[], fitted_weights=[], journey_steps=[],
            channel_of_platform={"ads": "paid"}, margin_share=Decimal(self.margin_share),
            values=self.rows["customer_value"], order_lines=self.rows["order_lines"], costs=self.costs,
            audience_members=self.rows["audience_members"],
        )  # fmt: skip

    def built(self, *models: str) -> duckdb.DuckDBPyConnection:
        """The tables of the key figures."""
        self.numbered()
        db = duckdb.connect(config={"threads": 1})
        db.execute("set TimeZone = 'UTC'; create schema marts; create schema ops; create schema seeds")
        for table, columns in TABLES.items():
            db.execute(f"create table marts.{table} ({', '.join(map(' '.join, columns.items()))})")
            insert(db, f"marts.{table}", [list(row.values()) for row in self.rows[table]])
        last_day = day_of(self.as_of) - timedelta(days=1)
        db.execute("create table ops.run_parameters (as_of timestamptz, as_of_date date)")
        insert(db, "ops.run_parameters", [[self.as_of, last_day]])
        db.execute(
            "create table marts.dates as select cast(day as date) as date, cast(date_trunc('month', day) as date) as"
            " month_start_date, day(day) as day_of_month"
            " from generate_series(timestamp '2022-01-01', timestamp '2027-12-31', interval 1 day) as days (day)"
        )
        db.execute(
            f"create table seeds.kpi_config as select cast({self.margin_share} as decimal(9, 4)) as margin_share"
        )
        db.execute("create schema intermediate")
        db.execute("create table seeds.currencies as select 'CNY' as currency, 2 as minor_unit")
        db.execute("create table seeds.product_costs (sku varchar, unit_cost decimal(18, 3))")
        insert(db, "seeds.product_costs", list(self.costs.items()))
        for model in models or MODELS:
            build(db, model)
        return db


class Nights:
    """Publications of a company one after the other, each with what those before it decided."""

    def __init__(self) -> None:
        self.night = 0
        self.decided: dict[str, list[tuple[Any, ...]]] = {"kpis": [], "kpi_inputs": []}

    def publish(
        self,
        company: Company,
        rates: Sequence[tuple[Any, ...]] = (),
        moved: Sequence[str] = (),
        is_current: bool = True,
    ) -> list[tuple[Any, ...]]:
        """Tonight's changes: figure, channel, month, cause, value before and since. `moved`: ids that changed."""
        self.night += 1
        db = company.built()
        db.execute(f"alter table ops.run_parameters add column night integer default {self.night}")
        db.execute("create table intermediate.int_fx__daily_rates (currency varchar, date date, rate decimal(20, 8))")
        insert(db, "intermediate.int_fx__daily_rates", rates)
        db.execute(
            "create table intermediate.int_identity__changes (event varchar, customer_id varchar,"
            " other_customer_id varchar)"
        )
        insert(db, "intermediate.int_identity__changes", [["merged", customer, None] for customer in moved])
        for table, columns in BEFORE.items():
            db.execute(f"create table ops.{table}_before ({columns})")
            insert(db, f"ops.{table}_before", self.decided[table])
        build(db, "int_kpis__inputs")
        build(db, "kpi_changes")
        if is_current:
            for table, query in (("kpis", decided.KPIS), ("kpi_inputs", decided.KPI_INPUTS)):
                self.decided[table] += db.execute(query, {"night": self.night, "run_id": str(self.night)}).fetchall()
        return db.execute(
            "select kpi, channel, month, cause, previous_value, value from marts.kpi_changes where night = ?"
            " order by all", [self.night]
        ).fetchall()  # fmt: skip


def build(db: duckdb.DuckDBPyConnection, model: str) -> None:
    db.execute(f"create table {relation(model)} as {compiled(model_text(model), *MACROS)}")


def insert(db: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        db.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)
