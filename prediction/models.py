"""One fit of both models with what it is worth on purchases it did not see, and what follows from it for each history.

Here: tables in, tables out. Not here: the likelihoods (`bgnbd`, `gamma_gamma`), whose the histories are, how they were
counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from prediction import bgnbd, gamma_gamma
from prediction.bgnbd import Buyers, Numbers
from prediction.failures import PredictionError

# Of the interval that is published with each prediction.
SHARE = 0.8
HISTORY = ("frequency", "recency", "t")


@dataclass(frozen=True)
class Minimum:
    """Less than this is not enough to predict from."""

    weeks: int
    repeat_buyers: int


@dataclass(frozen=True)
class Fit:
    """Parameters, and how such did on the purchases of the last quarter of the weeks; `reason`: what has no fit."""

    customers: int
    repeat_buyers: int
    weeks: int
    reason: str | None = None
    r: float | None = None
    alpha: float | None = None
    a: float | None = None
    b: float | None = None
    p: float | None = None
    q: float | None = None
    v: float | None = None
    holdout_weeks: int | None = None
    holdout_customers: int | None = None
    holdout_mae: float | None = None
    holdout_mae_same_as_last: float | None = None
    holdout_coverage: float | None = None


def fit(histories: pa.Table, holdout: pa.Table, days: int, days_per_unit: int, minimum: Minimum) -> Fit:
    """Fit both models and measure the first on a holdout.

    `histories`: frequency, recency, t, valued_days, mean_value of every buyer at the as-of, `days` after the first
    purchase of all. `holdout`: frequency, recency, t at the holdout's beginning, and purchases within and in as long
    before; the weeks of it are a quarter of all. Never raises: what cannot be fitted has a reason instead.
    """
    buyers, counts = grouped(histories)
    weeks = days // 7
    told: dict[str, Any] = {
        "customers": int(counts.sum()),
        "repeat_buyers": int(counts[buyers.frequency > 0].sum()),
        "weeks": weeks,
    }
    if weeks < minimum.weeks:
        return Fit(**told, reason=f"{weeks} weeks of purchases are known; {minimum.weeks} are needed to predict")
    if told["repeat_buyers"] < minimum.repeat_buyers:
        return Fit(
            **told,
            reason=f"{told['repeat_buyers']} customers bought again; {minimum.repeat_buyers} are needed to predict",
        )
    try:
        told |= asdict(bgnbd.fit(buyers, counts))
        told |= _measured(holdout, weeks // 4, days_per_unit)
    except PredictionError as problem:
        return Fit(**{name: told[name] for name in ("customers", "repeat_buyers", "weeks")}, reason=str(problem))
    values, purchases = _column(histories, "mean_value"), _column(histories, "valued_days")
    valued = purchases > 0
    try:
        return Fit(**told, **asdict(gamma_gamma.fit(purchases[valued], values[valued])))
    except PredictionError as problem:
        return Fit(**told, reason=str(problem))


def predict(histories: pa.Table, parameters: bgnbd.Parameters, horizon: float) -> pa.Table:
    """For each line of frequency, recency and t: chance to be still there, purchases to come, and their interval."""
    buyers = _buyers(histories)
    low, high = bgnbd.interval(parameters, buyers, horizon, SHARE)
    found = {
        "alive_probability": bgnbd.probability_alive(parameters, buyers),
        "predicted_purchases": bgnbd.expected_purchases(parameters, buyers, horizon),
        "predicted_purchases_low": low.astype(np.int32),
        "predicted_purchases_high": high.astype(np.int32),
    }
    for name, numbers in found.items():
        histories = histories.append_column(name, pa.array(numbers))
    return histories


def grouped(histories: pa.Table) -> tuple[Buyers, Numbers]:
    """Histories that are the same, once, and how often each is there."""
    found = histories.select(list(HISTORY)).group_by(list(HISTORY)).aggregate([([], "count_all")])
    found = found.sort_by([(name, "ascending") for name in HISTORY])
    return _buyers(found), _column(found, "count_all")


def _measured(holdout: pa.Table, weeks: int, days_per_unit: int) -> dict[str, Any]:
    buyers, counts = grouped(holdout)
    horizon = weeks * 7 / days_per_unit
    parameters = bgnbd.fit(buyers, counts)
    everybody, bought = _buyers(holdout), _column(holdout, "purchases")
    expected = bgnbd.expected_purchases(parameters, everybody, horizon)
    low, high = bgnbd.interval(parameters, everybody, horizon, SHARE)
    return {
        "holdout_weeks": weeks,
        "holdout_customers": holdout.num_rows,
        "holdout_mae": float(np.abs(bought - expected).mean()),
        "holdout_mae_same_as_last": float(np.abs(bought - _column(holdout, "purchases_before")).mean()),
        "holdout_coverage": float(((low <= bought) & (bought <= high)).mean()),
    }


def _buyers(table: pa.Table) -> Buyers:
    return Buyers(*(_column(table, name) for name in HISTORY))


def _column(table: pa.Table, name: str) -> Numbers:
    return table.column(name).cast(pa.float64()).fill_null(0.0).to_numpy()
