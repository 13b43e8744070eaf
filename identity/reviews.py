"""What people are asked to decide: the entries of the review queue.

Here: one entry a pair of groups or a value, under a key that stays while its cause stays. Not here: what was refused
(`careful`, `probable`), contradicting overrides (`overrides`), how long an entry has been open.

A pair stands under the anchors of its two groups, so it follows them when they merge; where both are one group by now,
the cause is gone and so is the entry. Of several probable pairs between two groups the entry has the best score, and
that a sure pair was refused outweighs that others are doubtful. Contradicting overrides stand under the records they
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from identity.careful import Refusal

SHARED_VALUE, OVERRIDES_CONTRADICT = "shared_value", "overrides_contradict"
DOUBTFUL_PAIR, REFUSED_PAIR = "probable", "probable_conflict"

REVIEW_SCHEMA = pa.schema(
    {
        "reason": pa.string(),
        "left_record": pa.string(),
        "right_record": pa.string(),
        "type": pa.string(),
        "value": pa.string(),
        "value_hash": pa.string(),
        "score": pa.float64(),
    }
)

# Reason, anchors of two groups, value: what makes an entry one.
_Entry = tuple[str, str | None, str | None, int | None]


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
    entries: dict[_Entry, int | None] = {}
    scores: dict[_Entry, float] = {}
    for refusal in refusals:
        if refusal.left is None or refusal.right is None:
            entries.setdefault((refusal.reason, None, None, refusal.value), refusal.value)
            continue
        anchors = {int(anchor_of[refusal.left]), int(anchor_of[refusal.right])}
        if len(anchors) == 2:
            left, right = sorted(anchors, key=lambda record: int(anchor_place[record]))
            entry: _Entry = (refusal.reason, key[left].as_py(), key[right].as_py(), None)
            entries.setdefault(entry, refusal.value)
            if refusal.score is not None:
                scores[entry] = max(scores.get(entry, 0.0), refusal.score)
    for entry in [entry for entry in entries if entry[0] == REFUSED_PAIR]:
        entries.pop((DOUBTFUL_PAIR, *entry[1:]), None)
    for value in shared.tolist():
        entries.setdefault((SHARED_VALUE, None, None, value), value)
    for ends in contradictions:
        left, right = sorted(ends, key=lambda record: int(anchor_place[record]))
        entries.setdefault((OVERRIDES_CONTRADICT, key[left].as_py(), key[right].as_py(), None), None)
    rows = []
    for entry, value in entries.items():
        kind, text, digest = (None, None, None) if value is None else describe(value)
        cells = (*entry[:3], kind, text, digest, scores.get(entry))
        rows.append(dict(zip(REVIEW_SCHEMA.names, cells, strict=True)))
    rows.sort(key=lambda row: tuple(row[name] or "" for name in REVIEW_SCHEMA.names[:-1]))
    return pa.Table.from_pylist(rows, schema=REVIEW_SCHEMA)
