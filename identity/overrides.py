"""What people decided: must-links, cannot-links and dropped values, newest first.

Here: which decisions hold, which contradict newer ones, which name nothing that is there. Not here: the file (`rules`),
what follows for groups (`careful`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.rules import CANNOT_LINK, DROP_VALUE, MUST_LINK, Override

ACCEPTED, SET_ASIDE, INERT = "accepted", "set aside", "inert"


@dataclass(frozen=True)
class Decided:
    """Accepted must-links (newest first) and cannot-links as records, and what became of every override.

    `contradictions`: the ends of those set aside.
    """

    must: list[tuple[int, int]]
    cannot: list[tuple[int, int]]
    contradictions: list[tuple[int, int]]
    report: pa.Table


REPORT_SCHEMA = pa.schema(
    {
        "line": pa.int64(),
        "action": pa.string(),
        "record_key": pa.string(),
        "other_record_key": pa.string(),
        "type": pa.string(),
        "value_hash": pa.string(),
        "status": pa.string(),
        "reason": pa.string(),
    }
)


def decide(overrides: Sequence[Override], key: pa.Array, dropped: Callable[[int, str, str], bool]) -> Decided:
    """Take the overrides in their order, the newest first.

    `dropped` tells whether a record carried the value (type, hash) that an override drops.
    """
    if not overrides:
        return Decided([], [], [], REPORT_SCHEMA.empty_table())
    names = pa.array([name for o in overrides for name in (o.record_key, o.other_record_key)], pa.string())
    places = pc.fill_null(pc.index_in(names, value_set=key), -1).to_pylist()
    parent: dict[int, int] = {}
    apart: dict[int, set[int]] = {}  # by root: the other ends of its group's cannot-links
    decided = Decided([], [], [], REPORT_SCHEMA.empty_table())
    rows = []

    def root(record: int) -> int:
        while parent.setdefault(record, record) != record:
            parent[record] = record = parent[parent[record]]
        return record

    for override, one, other in zip(overrides, places[::2], places[1::2], strict=True):
        missing = [
            name for name, at in ((override.record_key, one), (override.other_record_key, other)) if at < 0 and name
        ]
        status, reason = ACCEPTED, None
        if missing:
            status, reason = INERT, f"there is no record {' and no record '.join(missing)}"
        elif override.action == DROP_VALUE:
            if not dropped(one, override.type, override.value_hash):
                status, reason = INERT, f"the record carries no such {override.type}"
        elif override.action == MUST_LINK:
            few, many = sorted((root(one), root(other)), key=lambda end: len(apart.get(end, ())))
            if few != many and any(root(end) == many for end in apart.get(few, ())):
                status, reason = SET_ASIDE, f"newer decisions say {CANNOT_LINK}"
            else:
                decided.must.append((one, other))
                if few != many:
                    parent[few] = many
                    apart.setdefault(many, set()).update(apart.pop(few, ()))
        elif root(one) == root(other):
            status, reason = SET_ASIDE, f"newer decisions say {MUST_LINK}"
        else:
            decided.cannot.append((one, other))
            apart.setdefault(root(one), set()).add(other)
            apart.setdefault(root(other), set()).add(one)
        if status == SET_ASIDE:
            decided.contradictions.append((one, other))
        rows.append(
            {name: getattr(override, name) or None for name in REPORT_SCHEMA.names[:6]}
            | {"status": status, "reason": reason}
        )
    report = pa.Table.from_pylist(rows, schema=REPORT_SCHEMA)
    return Decided(decided.must, decided.cannot, decided.contradictions, report)


def pairs_of(links: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Links as two arrays of ends."""
    ends = np.array(links, dtype=np.int64).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]
