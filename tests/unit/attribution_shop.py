"""A shop whose touches and orders are written down in a test, and attributed by the warehouse's own models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from bench.attribution import MODELS as BUILT
from bench.rendered import Models

SEEDS = Path(__file__).parents[2] / "seeds"
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Shop:
    """A warehouse with the tables that attribution reads, and nothing else."""

    def __init__(self, config="30,7,11,false,", as_of=NOON + 90 * DAY):
        self.db = duckdb.connect(config={"threads": 1})
        self.models = Models(self.db)
        for name in ("channels", "currencies"):
            self.db.execute(f"create table {name} as from read_csv('{SEEDS / name}.csv', header = true)")
        self.db.execute(
            "create table attribution_config (lookback_days integer, half_life_days decimal(9, 3),"
            " max_channels integer, collapse_repeats boolean, exposure_window_days decimal(9, 3))"
        )
        self.db.execute("create table run_parameters (as_of timestamptz)")
        self.db.execute(
            "create table touchpoints (touchpoint_id varchar, customer_id varchar, touchpoint_type varchar,"
            " channel varchar, platform varchar, campaign varchar, source_system varchar, source_record_id varchar,"
            " is_eligible boolean, is_direct boolean, occurred_at timestamptz, _fingerprint ubigint)"
        )
        self.db.execute(
            "create table orders (order_id varchar, customer_id varchar, net_amount_reporting decimal(18, 3),"
            " is_valid boolean, customer_order_number integer, is_first_order boolean, ordered_at timestamptz)"
        )
        self.db.execute(
            "create table ad_performance (platform varchar, campaign varchar, cost_reporting decimal(18, 3), date date)"
        )
        self.touches, self.orders = {}, {}
        self.as_of = as_of
        self.configure(config)

    def configure(self, line):
        cells = [cell or None for cell in line.split(",")]
        self.db.execute("delete from attribution_config")
        self.db.execute("insert into attribution_config values (?, ?, ?, ?, ?)", cells)

    def touch(self, name, channel, at, customer="ann", **other):
        """A touch; its platform is the campaign's, and both may be left out."""
        self.touches[name] = {
            "touchpoint_id": name, "customer_id": customer, "touchpoint_type": "page_view", "channel": channel,
            "platform": None, "campaign": None, "source_system": "events", "source_record_id": name,
            "is_eligible": True, "is_direct": channel == "direct", "occurred_at": at, **other,
        }  # fmt: skip

    def order(self, name, at, net="10", customer="ann", is_valid=True):
        self.orders[name] = {
            "order_id": name, "customer_id": customer, "net_amount_reporting": None if net is None else Decimal(net),
            "is_valid": is_valid, "customer_order_number": None, "is_first_order": None, "ordered_at": at,
        }  # fmt: skip

    def numbered(self):
        """The orders with their numbers, by time and then name."""
        numbers = {}
        for order in sorted(self.orders.values(), key=lambda order: (order["ordered_at"], order["order_id"])):
            known = order["is_valid"] and order["customer_id"] is not None
            if known:
                numbers[order["customer_id"]] = numbers.get(order["customer_id"], 0) + 1
            order["customer_order_number"] = numbers[order["customer_id"]] if known else None
            order["is_first_order"] = order["customer_order_number"] == 1 if known else None
        return list(self.orders.values())

    def night(self):
        """Write tonight's tables and build the models upon what earlier nights built."""
        self.db.execute("delete from run_parameters")
        self.db.execute("insert into run_parameters values (?)", [self.as_of])
        self.db.execute("delete from touchpoints")
        if self.touches:
            self.db.executemany(
                f"insert into touchpoints values ({', '.join('?' * 11)}, hash({', '.join('?' * 11)}))",
                [[*touch.values(), *touch.values()] for touch in self.touches.values()],
            )
        self.db.execute("delete from orders")
        if self.orders:
            self.db.executemany(
                f"insert into orders values ({', '.join('?' * 7)})", [[*order.values()] for order in self.numbered()]
            )
        for model in BUILT:
            self.models.build(model)
        return self

    def rows(self, table, columns="* exclude (_loaded_at, _fingerprint)"):
        return self.db.execute(f"select {columns} from {table} order by all").fetchall()

    def parts(self, order, model):
        """touch → (credit, revenue)."""
        return {
            touch: (credit, revenue)
            for touch, credit, revenue in self.db.execute(
                "select touchpoint_id, credit, revenue_reporting from attribution where order_id = ? and model = ?",
                [order, model],
            ).fetchall()
        }

    def credit(self, order, model):
        return {touch: credit for touch, (credit, _) in self.parts(order, model).items()}
