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
from dagster_project import decided
from dagster_project.run_inputs import RFM_COLUMNS, RFM_SCALE_COLUMNS, RFM_SEGMENT_COLUMNS

SEEDS = Path(__file__).parents[2] / "seeds"
AS_OF = date(2026, 6, 15)
NIGHTLY = ("int_customers__rfm_values", "int_customers__rfm_scales", "customer_rfm", "rfm_transitions")
BEFORE = {"rfm": "rfm_values_before", "rfm_scales": "rfm_scales_before", "rfm_segments": "rfm_segments_before"}
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
        self.as_of, self.night = as_of, 0
        self.db.execute("create table run_parameters (as_of_date date, night integer)")
        self.db.execute("create table rfm_dates (as_of_date date)")
        self.db.execute(
            "create table customer_id_history (retired_customer_id varchar, customer_id varchar, reason varchar)"
        )
        self._begin()
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

    @classmethod
    def of_warehouse(cls, warehouse, as_of):
        """Everybody in a warehouse as it is now, with a mart that was never published: each day as known now."""
        people = cls(as_of=as_of)
        # The name by which its views know it.
        people.db.execute(f"attach '{warehouse}' as warehouse (read_only)")
        for place in ("seeds.rfm_config", "intermediate.int_customers__valid_orders", "marts.refunds"):
            name = place.split(".")[1]
            people.db.execute(f"drop table {name}")
            people.db.execute(f"create table {name} as from warehouse.{place}")
        people.db.execute("detach warehouse")
        people.publish(as_of, publish=False)
        return people

    def _begin(self):
        """Tonight's parameters; no night was published before, unless the decisions say so."""
        self.db.execute("delete from run_parameters")
        self.db.execute("insert into run_parameters values (?, ?)", [self.as_of, self.night + 1])
        for table, columns in {
            "rfm_values_before": RFM_COLUMNS,
            "rfm_scales_before": RFM_SCALE_COLUMNS,
            "rfm_segments_before": RFM_SEGMENT_COLUMNS,
        }.items():
            self.db.execute(f"create table if not exists {table} ({', '.join(columns)})")

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
        known = self.db.execute("select customer_id from customer_id_history where retired_customer_id = ?", [customer])
        (customer,) = known.fetchone() or (customer,)
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

    def values_of(self, day=None):
        """customer → (recency, frequency, monetary) of a day."""
        self.models.build(VALUES)
        return {
            customer: found
            for customer, *found in self.db.execute(
                f"select customer_id, as_of_date - last_order_date, frequency, monetary from {VALUES}"
                " where as_of_date = ? order by all",
                [day or self.as_of],
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
                f"insert into {VALUES} values (?, $2, 'published', $2::date - ?::integer, ?, ?)".replace(
                    "$2", f"date '{self.as_of}'"
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
        self.db.execute("drop table if exists customer_rfm")
        self.models.build("customer_rfm")
        return {
            customer: tuple(found)
            for customer, *found in self.db.execute(
                "select customer_id, r_score, f_score, m_score, segment from customer_rfm where as_of_date = ?"
                " order by all",
                [self.as_of],
            ).fetchall()
        }

    def merge(self, retired, survivor):
        """From now on one id is the other's, or nobody's."""
        self.db.execute(
            "update int_customers__valid_orders set customer_id = ? where customer_id = ?", [survivor, retired]
        )
        self.db.execute("delete from int_customers__valid_orders where customer_id is null")
        self.db.execute("delete from customer_id_history where retired_customer_id = ?", [retired])
        self.db.execute("update customer_id_history set customer_id = ? where customer_id = ?", [survivor, retired])
        self.db.execute("insert into customer_id_history values (?, ?, 'merged')", [retired, survivor])

    def unmerge(self, revived, *orders):
        """An id is somebody's again, with these orders."""
        self.db.execute("delete from customer_id_history where retired_customer_id = ?", [revived])
        for order in orders:
            self.db.execute(
                "update int_customers__valid_orders set customer_id = ? where order_id = ?", [revived, order]
            )

    def ask(self, *days):
        """Ask to see these days."""
        self.db.executemany("insert into rfm_dates values (?)", [[day] for day in days])

    def publish(self, day, publish=True):
        """A night as of a day; when it is not published nothing is decided."""
        self.as_of = day
        self._begin()
        for model in NIGHTLY:
            self.models.build(model)
        if publish:
            self.night += 1
            asked = {"night": self.night, "run_id": f"run{self.night}"}
            fresh = {}
            for table, query in decided.RFM.items():
                text = query.replace("intermediate.", "").replace("marts.", "").replace("ops.", "")
                fresh[table] = self.db.execute(
                    text, {name: value for name, value in asked.items() if f"${name}" in text}
                ).to_arrow_table()
            for table, before in BEFORE.items():
                self.db.register("fresh", fresh[table])
                self.db.execute(f"insert into {before} by name from fresh")
                self.db.unregister("fresh")

    def rebuild(self):
        """The same night from the decisions, in a warehouse without a mart. Its own decisions do not count for it."""
        self.db.execute("drop table customer_rfm")
        for model in NIGHTLY:
            self.models.build(model)

    def rows(self, table, where="", columns="*"):
        return self.db.execute(f"select {columns} from {table} {where} order by all").fetchall()

    def days(self):
        return {day for (day,) in self.rows("customer_rfm", columns="distinct as_of_date")}

    def shown(self, day):
        """customer → (current id, basis, recency, frequency, monetary) of a day."""
        columns = "customer_id, current_customer_id, basis, recency_days, frequency, monetary"
        return {
            customer: tuple(rest)
            for customer, *rest in self.rows("customer_rfm", f"where as_of_date = '{day}'", columns)
        }
