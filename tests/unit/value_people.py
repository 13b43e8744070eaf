"""A shop whose purchases are written down in a test, and whose people are valued by the warehouse's own models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb

from bench.rendered import Models

BUILT = (
    *("int_customers__purchase_days", "int_customers__value_histories", "int_customers__value_holdout"),
    *("int_customers__value_fits", "int_customers__value_predictions", "int_orders__margins"),
    "int_customers__value_states",
    *("customer_value", "customer_value_models"),
)


class Bought(NamedTuple):
    """One order; `lines`: article, quantity, quantity given back."""

    order: str
    customer: str
    day: date
    net: Decimal
    lines: tuple[tuple[str, int, int], ...] = ()


class GivenBack(NamedTuple):
    order: str
    day: date
    amount: Decimal


class Shop:
    """A warehouse with the tables that value is worked out from, and nothing else."""

    def __init__(self, unit: str = "days", min_weeks: int = 26, min_repeat_buyers: int = 200) -> None:
        self.db = duckdb.connect(config={"threads": 1})
        self.models = Models(self.db)
        self.config = (unit, min_weeks, min_repeat_buyers)
        self.bought: list[Bought] = []
        self.given_back: list[GivenBack] = []
        self.costs: dict[str, Decimal] = {}
        self.decided: list[tuple[Any, ...]] = []
        self.db.execute("create table currencies (currency varchar, minor_unit integer)")
        self.db.execute("insert into currencies values ('CNY', 2)")
        self._table(
            "value_fits_before",
            "unit varchar, reason varchar, customers bigint, repeat_buyers bigint, weeks bigint, holdout_weeks bigint,"
            " holdout_customers bigint, r double, alpha double, a double, b double, p double, q double, v double,"
            " holdout_mae double, holdout_mae_same_as_last double, holdout_coverage double, as_of_date date,"
            " fitted_at timestamptz",
            [],
        )

    def night(self, day: date, publish: bool = False) -> Shop:
        """Build the models as of the day's end upon what earlier nights built; `publish` decides what is new."""
        at = datetime.combine(day, time(18), UTC)
        self._table("run_parameters", "as_of timestamptz, as_of_date date", [(at, day)])
        self._table("value_config", "unit varchar, min_weeks integer, min_repeat_buyers integer", [self.config])
        self._table("product_costs", "sku varchar, unit_cost decimal(18, 3)", list(self.costs.items()))
        returned: dict[str, Decimal] = {}
        for back in self.given_back:
            returned[back.order] = returned.get(back.order, Decimal(0)) + back.amount
        rows = [(*order[:4], order.net - returned.get(order.order, 0)) for order in self.bought if order.day <= day]
        self._table(
            "sold", "order_id varchar, customer_id varchar, day date, due decimal(18, 3), net decimal(18, 3)", rows
        )
        self.db.execute(
            "create or replace table int_customers__valid_orders as select order_id, customer_id,"
            " due as due_amount, due as due_amount_reporting, net as net_amount, due = 0 or net > 0 as is_qualifying,"
            " day as reporting_date from sold"
        )
        self.db.execute(
            "create or replace table orders as select order_id, net as net_amount_reporting, net as net_sales_amount,"
            " cast(1 as decimal(20, 12)) as fx_rate from sold"
        )
        self._table(
            "order_lines",
            "order_id varchar, sku varchar, quantity decimal(18, 3), refunded_quantity decimal(18, 3),"
            " is_gift_card boolean",
            [(order.order, *line, False) for order in self.bought for line in order.lines],
        )
        self._table(
            "refunds",
            "order_id varchar, reporting_date date, amount decimal(18, 3), amount_reporting decimal(18, 3),"
            " is_counted boolean, status varchar, customer_id varchar",
            [(back.order, back.day, back.amount, back.amount, True, "counted", None) for back in self.given_back],
        )
        for model in BUILT:
            self.models.build(model)
        if publish:
            self.db.execute(
                "insert into value_fits_before by name select * exclude (is_new) from int_customers__value_fits"
                " where is_new"
            )
        return self

    def rows(self, columns: str = "* exclude (_loaded_at)", table: str = "customer_value") -> list[tuple[Any, ...]]:
        return self.db.execute(f"select {columns} from {table} order by all").fetchall()

    def fit(self) -> dict[str, Any]:
        """The newest fit."""
        found = self.db.execute("select * from customer_value_models order by as_of_date desc, fitted_at desc limit 1")
        names = [column[0] for column in found.description]
        return dict(zip(names, found.fetchone(), strict=True))

    def _table(self, name: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self.db.execute(f"create or replace table {name} ({columns})")
        rows = list(rows)
        if rows:
            import pandas as pd

            given = pd.DataFrame(rows, dtype=object)
            self.db.register("given", given)
            self.db.execute(f"insert into {name} select * from given")
            self.db.unregister("given")
