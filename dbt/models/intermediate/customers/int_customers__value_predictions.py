# Grain: one row per frequency, recency and T that some person has.
"""What the model in force expects of each history, for the twelve months after its as-of.

Here: the hand-over between the warehouse and the `prediction` package. Not here: whose the histories are, any
arithmetic.
"""

from typing import Any

import pyarrow as pa

import prediction

_HORIZON_DAYS = 365
_SCHEMA = pa.schema(
    [
        ("frequency", pa.int32()),
        ("recency", pa.decimal128(9, 2)),
        ("t", pa.decimal128(9, 2)),
        ("alive_probability", pa.float64()),
        ("predicted_purchases", pa.float64()),
        ("predicted_purchases_low", pa.int32()),
        ("predicted_purchases_high", pa.int32()),
    ]
)


def model(dbt: Any, session: Any) -> pa.Table:
    """Nothing where no model is in force."""
    dbt.config(materialized="table")
    histories = dbt.ref("int_customers__value_histories")
    fits = dbt.ref("int_customers__value_fits")

    in_force = histories.aggregate("max(as_of_date), max(unit)").fetchone()
    columns = "as_of_date, unit, r, alpha, a, b"
    found = [fit for fit in fits.filter("r is not null").project(columns).fetchall() if fit[:2] == in_force]
    if not found:
        return _SCHEMA.empty_table()
    _, unit, *parameters = found[0]
    kinds = histories.project("frequency, recency, t").distinct().order("all").to_arrow_table()
    horizon = _HORIZON_DAYS / (7 if unit == "weeks" else 1)
    return prediction.predict(kinds, prediction.Parameters(*parameters), horizon).cast(_SCHEMA)
