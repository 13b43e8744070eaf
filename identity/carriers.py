"""Who carries hubs, shared values and values raised for review: for those who decide, and why a group fell apart.

Here: one row per record and such a value. Not here: the status of a value (`values`, `people`), what is raised
(`reviews`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from identity.values import STATUS_NAMES, Values

CARRIER_SCHEMA = pa.schema(
    {"record_key": pa.string(), "type": pa.string(), "value_hash": pa.string(), "status": pa.string()}
)


def carriers_of(
    wanted: np.ndarray, values: Values, status: np.ndarray, key: pa.Array, hexadecimal: Callable[[np.ndarray], pa.Array]
) -> pa.Table:
    """One row per record and wanted value (codes, each once). `status`: of every value."""
    if len(wanted) == 0:
        return CARRIER_SCHEMA.empty_table()
    counts = values.carriers[wanted]
    value = np.repeat(np.arange(len(wanted)), counts)
    before = np.cumsum(counts) - counts
    at = np.repeat(values.start[wanted] - before, counts) + np.arange(len(value))
    types = pa.array(values.types, pa.string()).take(pa.array(values.type_code[wanted]))
    names = pa.array(STATUS_NAMES).take(pa.array(status[wanted]))
    of_value = pa.array(value)
    return pa.table(
        {
            "record_key": key.take(pa.array(values.record[at])),
            "type": types.take(of_value),
            "value_hash": hexadecimal(values.hashes(wanted)).take(of_value),
            "status": names.take(of_value),
        },
        schema=CARRIER_SCHEMA,
    )
