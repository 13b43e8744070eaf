# Grain: one row per month's end and unit of time that models of repeat buying were fitted for, or refused.
"""Fits the models of repeat buying once a month; a fit that was published stays as it is.

Here: the hand-over between the warehouse and the `prediction` package, and when it is asked. Not here: what a purchase
is, any arithmetic.
"""

from dataclasses import asdict
from typing import Any

import pyarrow as pa

import prediction

_NUMBERS = ("r", "alpha", "a", "b", "p", "q", "v", "holdout_mae", "holdout_mae_same_as_last", "holdout_coverage")
_COUNTS = ("customers", "repeat_buyers", "weeks", "holdout_weeks", "holdout_customers")
_SCHEMA = pa.schema(
    [
        ("unit", pa.string()),
        ("reason", pa.string()),
        *((name, pa.int64()) for name in _COUNTS),
        *((name, pa.float64()) for name in _NUMBERS),
        ("is_new", pa.bool_()),
        ("as_of_date", pa.date32()),
        ("fitted_at", pa.timestamp("us", tz="UTC")),
    ]
)


def model(dbt: Any, session: Any) -> pa.Table:
    """Every published fit, and the one of the last month's end if it is not among them."""
    dbt.config(materialized="table")
    histories = dbt.ref("int_customers__value_histories")
    holdout = dbt.ref("int_customers__value_holdout")
    config = dbt.ref("value_config")
    before = dbt.source("ops", "value_fits_before")
    run_parameters = dbt.source("ops", "run_parameters")

    columns = ", ".join(name for name in _SCHEMA.names if name != "is_new")
    decided = before.project(f"{columns}, false as is_new").to_arrow_table().select(_SCHEMA.names).cast(_SCHEMA)
    unit, min_weeks, min_repeat_buyers = config.project("unit, min_weeks, min_repeat_buyers").fetchone()
    (as_of,) = run_parameters.project("as_of").fetchone()
    first_date, as_of_date = histories.aggregate("min(first_date), max(as_of_date)").fetchone()
    known = set(zip(decided["as_of_date"].to_pylist(), decided["unit"].to_pylist(), strict=True))
    if as_of_date is None or (as_of_date, unit) in known:
        return decided
    columns = "frequency, recency, t"
    fit = prediction.fit(
        histories.project(f"{columns}, valued_days, mean_value").order("all").to_arrow_table(),
        holdout.project(f"{columns}, purchases, purchases_before").order("all").to_arrow_table(),
        days=(as_of_date - first_date).days,
        days_per_unit=7 if unit == "weeks" else 1,
        minimum=prediction.Minimum(min_weeks, min_repeat_buyers),
    )
    # Too little data is no decision: a source that is connected in the middle of a month may change it.
    is_new = fit.r is not None
    row = asdict(fit) | {"unit": unit, "is_new": is_new, "as_of_date": as_of_date, "fitted_at": as_of}
    return pa.concat_tables([decided, pa.Table.from_pylist([row], schema=_SCHEMA)])
