"""People with orders and returns written down in a test, valued and scored by the warehouse's own models.

Here: the tables that recency, frequency and monetary value are built from, and running the models on them. Not here:
what the answers should be.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from bench.rendered import Models

SEEDS = Path(__file__).parents[2] / "seeds"
AS_OF = date(2026, 6, 15)
VALUES = "int_customers__rfm_values"
SETTINGS = {
    "method": "quantiles", "bins": 5, "closed": "right", "offset": "0", "window_days": 365, "min_people": 1,
    "segments": None,
}  # fmt: skip


class People:
    """A warehouse with the tables that the models of recency, frequency and monetary value read, and nothing else."""

    def __init__(self, as_of=AS_OF, **settings):
        self.db = duckdb.connect(config={"threads": 1})
        self.models = Models(self.db)
        self.db.execute("create table run_parameters (as_of_date date)")
        self.db.execute("insert into run_parameters values (?)", [as_of])
        for name, types in (
            ("rfm_segments", "{'fm_min': 'decimal(3, 1)', 'fm_max': 'decimal(3, 1)'}"),
            ("rfm_thresholds", "{'threshold': 'decimal(18, 3)'}"),
        ):
            self.db.execute(
                f"create table {name} as from read_csv('{SEEDS / name}.csv', header = true, types = {types})"
            )
        self.db.execute(
            "create table int_customers__valid_orders (order_id varchar, customer_id varchar,"
            " due_amount decimal(18, 3), due_amount_reporting decimal(18, 3), reporting_date date)"
        )
        self.db.execute(
            "create table refunds (order_id varchar, customer_id varchar, amount decimal(18, 3),"
            " amount_reporting decimal(18, 3), status varchar, is_counted boolean, reporting_date date)"
        )
        self.configure(**settings)

    def configure(self, **settings):
        """Settings that differ from the shipped ones; `segments=...` left away altogether with `no_segments=True`."""
        cells = SETTINGS | settings
        columns = 'method varchar, bins integer, closed varchar, "offset" decimal(18, 3)'
        columns += ", window_days integer, min_people integer"
        names = ["method", "bins", "closed", "offset", "window_days", "min_people"]
        if not cells.pop("no_segments", False):
            columns, names = f"{columns}, segments varchar", [*names, "segments"]
        self.db.execute(f"create or replace table rfm_config ({columns})")
        self.db.execute(
            f"insert into rfm_config values ({', '.join('?' * len(names))})", [cells[name] for name in names]
        )
        return self

    def order(self, name, customer, day, due="10"):
        self.db.execute(
            "insert into int_customers__valid_orders values (?, ?, ?, ?, ?)", [name, customer, due, due, day]
        )

    def refund(self, order, day, amount):
        self.db.execute("insert into refunds values (?, null, ?, ?, 'counted', true, ?)", [order, amount, amount, day])

    def give_back(self, customer, day, amount):
        """A return that names no order."""
        self.db.execute(
            "insert into refunds values (null, ?, ?, ?, 'unlinked', true, ?)", [customer, amount, amount, day]
        )

    def values_of(self, day=AS_OF):
        """customer → (recency, frequency, monetary) of a day."""
        self.models.build(VALUES)
        return {
            customer: found
            for customer, *found in self.db.execute(
                f"select customer_id, as_of_date - last_order_date, frequency, monetary from {VALUES}"
                " where as_of_date = ? order by all",
                [day],
            ).fetchall()
        }

    def given(self, values):
        """Values at hand in place of orders: customer → (recency, frequency, monetary), all of the as-of day."""
        self.db.execute(
            f"create or replace table {VALUES} (customer_id varchar, as_of_date date, basis varchar,"
            " last_order_date date, frequency integer, monetary decimal(18, 3))"
        )
        if values:
            self.db.executemany(
                f"insert into {VALUES} values (?, $2, 'tonight', $2::date - ?::integer, ?, ?)".replace(
                    "$2", f"date '{AS_OF}'"
                ),
                [
                    [customer, recency, frequency, Decimal(money)]
                    for customer, (recency, frequency, money) in values.items()
                ],
            )
        return self

    def scores(self):
        """customer → (r, f, m, segment) of the values at hand."""
        self.models.build("int_customers__rfm_scales")
        self.models.build("customer_rfm")
        return {
            customer: tuple(found)
            for customer, *found in self.db.execute(
                "select customer_id, r_score, f_score, m_score, segment from customer_rfm order by all"
            ).fetchall()
        }
