"""Counted paths of a period, brought to the few numbers that the models are fitted on.

Here: which channels of a period are named and which are `other`, transitions between them, and counts by set of
channels. Not here: what a model makes of them (`markov`, `shapley`).

Everything is counted in whole numbers, so no order of the rows or of the machine's arithmetic shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

OTHER = "other"
MOST_CHANNELS = 11  # and `other`; the sets of twelve channels are still few
_EXACT = 2**53  # whole numbers that a double holds
_COLUMNS = ("month", "path", "conversions", "nulls")


class AttributionError(ValueError):
    """Counts or settings that no model can be fitted on."""


@dataclass(frozen=True)
class Period:
    """One period's paths.

    `transitions[i, j]`: how often j followed i, repeats collapsed; 0 is the start, 1 + c channel c. `converted[i]` and
    `lost[i]`: how often a path ended after i with and without an order. `paths_of[s]` and `conversions_of[s]`: paths,
    and those with an order, whose channels are exactly the set with the bits of s.
    """

    month: Any
    channels: tuple[str, ...]
    touches: tuple[int, ...]
    conversions: int
    nulls: int
    transitions: np.ndarray
    converted: np.ndarray
    lost: np.ndarray
    paths_of: np.ndarray
    conversions_of: np.ndarray


def periods(counts: pa.Table, max_channels: int) -> Iterator[Period]:
    """The periods of a table `month`, `path` (list of channels in order), `conversions`, `nulls`, by month.

    A row says how many paths of these channels ended with an order and without one. The same path may stand in many
    rows, in any order. A path without a channel, or of no times, belongs to no period.
    """
    if not 1 <= max_channels <= MOST_CHANNELS:
        raise AttributionError(f"max_channels is {max_channels}; it has to be from 1 to {MOST_CHANNELS}.")
    missing = [name for name in _COLUMNS if name not in counts.column_names]
    if missing:
        raise AttributionError(f"The counts have no column {', '.join(missing)}.")
    happened = pc.greater(pc.add(*(_whole(counts[name], name) for name in ("conversions", "nulls"))), 0)
    table = counts.select(_COLUMNS).filter(pc.and_(happened, pc.greater(pc.list_value_length(counts["path"]), 0)))
    if not table.num_rows:
        return
    conversions, nulls = (table[name].to_numpy().astype(np.int64) for name in ("conversions", "nulls"))
    lists = _chunk(table["path"])
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.dictionary_encode(lists.flatten())
    if values.null_count:
        raise AttributionError("A path has a channel without a name.")
    codes = values.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    names = values.dictionary.to_pylist()
    months = pc.dictionary_encode(_chunk(table["month"]))
    if months.null_count:
        raise AttributionError("A path has no month.")
    month_of = months.indices.to_numpy(zero_copy_only=False)
    starts = np.cumsum(lengths) - lengths
    order = np.argsort(month_of, kind="stable")
    ends = np.cumsum(np.bincount(month_of, minlength=len(months.dictionary)))
    for month, code in sorted((month.as_py(), code) for code, month in enumerate(months.dictionary)):
        rows = order[ends[code - 1] if code else 0 : ends[code]]
        of_month = lengths[rows]
        # The places of the rows' touches, one row after the other.
        within = np.arange(of_month.sum()) - np.repeat(np.cumsum(of_month) - of_month, of_month)
        touched = codes[np.repeat(starts[rows], of_month) + within]
        yield _period(month, names, touched, of_month, conversions[rows], nulls[rows], max_channels)


def _period(
    month: Any,
    names: list[str],
    codes: np.ndarray,
    lengths: np.ndarray,
    conversions: np.ndarray,
    nulls: np.ndarray,
    max_channels: int,
) -> Period:
    paths = conversions + nulls
    counted = _sums(codes, np.repeat(paths, lengths), len(names))
    found = sorted((-int(counted[code]), names[code], int(code)) for code in np.unique(codes))
    named = [one for one in found if one[1] != OTHER][:max_channels]
    rest = [one for one in found if one not in named]
    channels = [name for _, name, _ in named] + ([OTHER] if rest else [])
    touches = [-number for number, _, _ in named] + ([-sum(number for number, _, _ in rest)] if rest else [])
    bucket_of = np.full(len(names), len(named))
    for place, (_, _, code) in enumerate(named):
        bucket_of[code] = place
    touched = bucket_of[codes]

    k = len(channels)
    starts = np.cumsum(lengths) - lengths
    is_first = np.zeros(len(touched), bool)
    is_first[starts] = True
    before = np.where(is_first, 0, np.roll(touched, 1) + 1)
    counted_paths = np.repeat(paths, lengths)
    is_step = before != touched + 1
    steps = before[is_step] * (k + 1) + touched[is_step] + 1
    last = touched[starts + lengths - 1] + 1
    sets = np.bitwise_or.reduceat(np.left_shift(1, touched), starts)
    return Period(
        month=month,
        channels=tuple(channels),
        touches=tuple(touches),
        conversions=int(conversions.sum()),
        nulls=int(nulls.sum()),
        transitions=_sums(steps, counted_paths[is_step], (k + 1) ** 2).reshape(k + 1, k + 1),
        converted=_sums(last, conversions, k + 1),
        lost=_sums(last, nulls, k + 1),
        paths_of=_sums(sets, paths, 2**k),
        conversions_of=_sums(sets, conversions, 2**k),
    )


def _sums(of: np.ndarray, numbers: np.ndarray, size: int) -> np.ndarray:
    """For each number below `size` the sum of `numbers` where `of` is it."""
    if int(numbers.sum()) >= _EXACT:
        raise AttributionError(f"A period counts to {int(numbers.sum())}; beyond {_EXACT} counts are not exact.")
    return np.bincount(of, weights=numbers, minlength=size).astype(np.int64)


def _whole(numbers: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if numbers.null_count or not pa.types.is_integer(numbers.type) or (len(numbers) and pc.min(numbers).as_py() < 0):
        raise AttributionError(f"{name} has to hold whole numbers of 0 or more in every row.")
    return numbers


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks)
