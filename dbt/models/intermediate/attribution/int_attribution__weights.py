# Grain: one row per calendar month, fitted model and channel.
"""Fits the models that look at all paths of a month.

Here: the hand-over between the warehouse and the `attribution` package. Not here: what a path is, any arithmetic.
"""

from typing import Any

import pyarrow as pa

import attribution


def model(dbt: Any, session: Any) -> pa.Table:
    """The weights of every month's channels."""
    dbt.config(materialized="table")
    counts = dbt.ref("int_attribution__path_counts")
    config = dbt.ref("attribution_config")

    (max_channels,) = config.project("max_channels").fetchone()
    return attribution.channel_weights(counts.to_arrow_table(), max_channels)
