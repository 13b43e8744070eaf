"""What people are asked to decide: the entries of the review queue.

Here: one entry a pair of groups or a value, under a key that stays while its cause stays. Not here: what was refused
(`careful`), contradicting overrides (`overrides`), how long an entry has been open.

A pair stands under the anchors of its two groups, so it follows them when they merge; where both are one group by now,
the cause is gone and so is the entry. Contradicting overrides stand under the records they name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from identity.careful import Refusal

SHARED_VALUE, OVERRIDES_CONTRADICT = "shared_value", "overrides_contradict"

REVIEW_SCHEMA = pa.schema(
    {
        "reason": pa.string(),
        "left_record": pa.string(),
        "right_record": pa.string(),
        "type": pa.string(),
        "value": pa.string(),
        "value_hash": pa.string(),
    }
)


def review_table(
    refusals: Iterable[Refusal],
    shared: np.ndarray,
    contradictions: Iterable[tuple[int, int]],
    anchor_of: np.ndarray,
    anchor_place: np.ndarray,
    key: pa.Array,
    describe: Callable[[int], tuple[str, str, str]],
) -> pa.Table:
    """The entries, sorted. `anchor_of`: by record; `describe`: type, value and hash of a value code."""
    entries: dict[tuple[str, str | None, str | None, int | None], int | None] = {}
    for refusal in refusals:
        if refusal.left is None or refusal.right is None:
            entries.setdefault((refusal.reason, None, None, refusal.value), refusal.value)
            continue
        anchors = {int(anchor_of[refusal.left]), int(anchor_of[refusal.right])}
        if len(anchors) == 2:
            left, right = sorted(anchors, key=lambda record: int(anchor_place[record]))
            entries.setdefault((refusal.reason, key[left].as_py(), key[right].as_py(), None), refusal.value)
    for value in shared.tolist():
        entries.setdefault((SHARED_VALUE, None, None, value), value)
    for ends in contradictions:
        left, right = sorted(ends, key=lambda record: int(anchor_place[record]))
        entries.setdefault((OVERRIDES_CONTRADICT, key[left].as_py(), key[right].as_py(), None), None)
    rows = []
    for (reason, left_key, right_key, _), value in entries.items():
        kind, text, digest = (None, None, None) if value is None else describe(value)
        rows.append(dict(zip(REVIEW_SCHEMA.names, (reason, left_key, right_key, kind, text, digest), strict=True)))
    rows.sort(key=lambda row: tuple(row[name] or "" for name in REVIEW_SCHEMA.names))
    return pa.Table.from_pylist(rows, schema=REVIEW_SCHEMA)
