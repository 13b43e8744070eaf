"""The table of weights: what each channel is worth in a period by each fitted model.

Here: rounding, and the totals of the literature. Not here: the models (`markov`, `shapley`), and how an order's credit
is shared among its touches by these weights.
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

from attribution.markov import removal_effects
from attribution.paths import periods
from attribution.shapley import shapley_values

MODELS = ("markov", "shapley")
_UNIT = Decimal("1e-12")
_PART = Decimal("1e-6")
_SCHEMA = pa.schema(
    [
        ("month", pa.date32()),
        ("model", pa.string()),
        ("channel", pa.string()),
        ("weight", pa.decimal128(18, 12)),
        ("share", pa.decimal128(18, 12)),
        ("conversions", pa.decimal128(18, 6)),
        ("touches", pa.int64()),
        ("month_conversions", pa.int64()),
        ("month_nulls", pa.int64()),
    ]
)


def channel_weights(counts: pa.Table, max_channels: int) -> pa.Table:
    """One row per month, model and channel, from the table of counts that `paths.periods` describes.

    `weight`: removal effect or Shapley value, 12 decimals, negative ones 0. `share`: its part of the month's weights;
    NULL where all are 0. `conversions`: the month's orders by that share. Rows come by month, model, and touches.
    """
    rows: dict[str, list[object]] = {name: [] for name in _SCHEMA.names}
    for period in periods(counts, max_channels):
        for model, values in zip(MODELS, (removal_effects(period), shapley_values(period)), strict=True):
            # Twelve decimals are far above the noise of the arithmetic: what is 0 on paper is 0 here.
            weights = [max(Decimal(value).quantize(_UNIT), Decimal(0)) for value in values]
            total = sum(weights)
            for channel, touches, weight in zip(period.channels, period.touches, weights, strict=True):
                share = (weight / total).quantize(_UNIT) if total else None
                rows["month"].append(period.month)
                rows["model"].append(model)
                rows["channel"].append(channel)
                rows["weight"].append(weight)
                rows["share"].append(share)
                rows["conversions"].append(None if share is None else (period.conversions * share).quantize(_PART))
                rows["touches"].append(touches)
                rows["month_conversions"].append(period.conversions)
                rows["month_nulls"].append(period.nulls)
    return pa.table({name: pa.array(rows[name], _SCHEMA.field(name).type) for name in _SCHEMA.names}, schema=_SCHEMA)
