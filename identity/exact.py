"""All that exact values and decisions link: the first half of a resolution.

Here: what records carry, the decisions that hold, the status of values and their cells in order, groups within limits,
the components that all this hangs together in. Not here: probable pairs, anonymous values, ids and what is told of them
(`resolution`); normalising (`values`), the people behind a value (`people`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.careful import Linked, link_cells
from identity.cluster import components
from identity.limits import Limits, hard_values
from identity.overrides import Decided, decide, pairs_of
from identity.people import Judgement, judge
from identity.rules import Rule, parse_blocked, parse_overrides, parse_rules
from identity.values import HUB, NO_TIME, PLAIN, SHARED, TableError, Values, encode, micros, record_codes, with_hubs

_RECORD_COLUMNS = ("record_key", "source_system", "record_type", "source_record_id", "is_anonymous", "created_at")
_ASSERTION_COLUMNS = ("record_key", "type", "value", "first_at")


class Carried(NamedTuple):
    """What records carry: assertions that no decision drops, their values, the rules of the types, the decisions."""

    assertions: pa.Table
    values: Values
    rules: list[Rule]
    decided: Decided


@dataclass(frozen=True)
class Exact:
    """Records (`key`, in the order of `key_rank`) with all that exact values and decisions link.

    Arrays over values: `linking`, `hash_place`, `priority`; `hashed`: the values that `hashes` are of; `order`: of the
    cells.
    """

    records: pa.Table
    key: pa.Array
    key_rank: np.ndarray
    region: pa.Array
    values: Values
    rules: list[Rule]
    decided: Decided
    limits: Limits
    judged: Judgement
    linking: np.ndarray
    hashed: np.ndarray
    hashes: np.ndarray
    hash_place: np.ndarray
    priority: np.ndarray
    order: np.ndarray
    linked: Linked
    careful: bool

    def groups(self) -> pa.Table:
        """`record_key` and `exact_group`: the smallest key among the records that exact values make one person."""
        smallest = smallest_key(self.linked.group, self.key, self.key_rank)
        return pa.table({"record_key": self.key, "exact_group": smallest})


def link_exactly(
    records: pa.Table,
    assertions: pa.Table,
    rules: pa.Table,
    blocked: pa.Table,
    overrides: pa.Table | None = None,
    careful: bool = False,
    known: pa.Table | None = None,
    elsewhere: pa.Table | None = None,
) -> Exact:
    """The first half of `resolve`, which takes what this takes: all that exact values and decisions link."""
    require(records, _RECORD_COLUMNS, "records")
    require(assertions, _ASSERTION_COLUMNS, "assertions")
    records = one_row_per_record(records)
    n = records.num_rows
    key = text_column(records, "record_key")
    has_region = "default_region" in records.column_names
    region = text_column(records, "default_region") if has_region else pa.nulls(n, pa.string())
    key_rank = _rank(key)
    record_of = record_codes(assertions, key)
    carried = carry(assertions, record_of, key, key_rank, region, rules, blocked, overrides, elsewhere)
    values, rule_list = with_hubs(carried.values, known), carried.rules
    has_last = "last_at" in assertions.column_names
    last_at = micros(carried.assertions["last_at"]) if has_last else np.full(carried.assertions.num_rows, NO_TIME)
    limits = _limits(values, rule_list, n, carried.decided.cannot)
    judged = judge(values, rule_list, records, limits, last_at[values.row], key_rank)
    cells = judged.cells
    linking = np.isin(judged.status, (PLAIN, SHARED))
    hashed = np.flatnonzero(linking & (values.carriers > 1))
    hashes = values.hashes(hashed)
    # The order of cells of one priority and time.
    hash_place = np.empty(len(values.carriers), dtype=np.int64)
    hash_place[hashed[np.lexsort((hashes[:, 1], hashes[:, 0]))]] = np.arange(len(hashed))
    priority = np.array([rule.priority for rule in rule_list], dtype=np.int64)[values.type_code]
    order = np.lexsort((cells.place, hash_place[cells.value], cells.second_at, priority[cells.value]))
    linked = link_cells(n, cells, order, pairs_of(carried.decided.must), limits, careful)
    return Exact(
        records, key, key_rank, region, values, rule_list, carried.decided, limits, judged, linking, hashed, hashes,
        hash_place, priority, order, linked, careful,
    )  # fmt: skip


def carry(
    assertions: pa.Table,
    record_of: np.ndarray,
    key: pa.Array,
    key_rank: np.ndarray,
    region: pa.Array,
    rules: pa.Table,
    blocked: pa.Table,
    overrides: pa.Table | None,
    elsewhere: pa.Table | None = None,
) -> Carried:
    """Code what records assert, as far as no decision drops it. `record_of`: each assertion's record."""
    rule_of, blocked_values = parse_rules(rules), parse_blocked(blocked)
    decisions = [] if overrides is None else parse_overrides(overrides)
    values = encode(assertions, record_of, key_rank, region, rule_of, blocked_values, elsewhere)
    dropped: list[np.ndarray] = []
    decided = decide(decisions, key, lambda *value: _find(values, value, dropped))
    if dropped:
        kept = np.ones(len(record_of), dtype=bool)
        kept[np.concatenate(dropped)] = False
        assertions, record_of = assertions.filter(pa.array(kept)), record_of[kept]
        values = encode(assertions, record_of, key_rank, region, rule_of, blocked_values, elsewhere)
    return Carried(assertions, values, [rule_of[kind] for kind in values.types], decided)


def joined(
    values: Values, linking: np.ndarray, decided: Decided, n: int, pairs: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """By record, its component: what linking values, decisions and probable pairs join, one person or not."""
    value_of = np.repeat(np.arange(len(values.carriers)), values.carriers)
    at = np.flatnonzero((linking & (values.carriers > 1))[value_of])
    named = pairs_of([*decided.must, *decided.cannot, *decided.contradictions])
    left, right = pairs or named
    return components(
        n + len(linking),
        np.concatenate([values.record[at], named[0], left]),
        np.concatenate([value_of[at] + n, named[1], right]),
    )[:n]


def one_row_per_record(records: pa.Table) -> pa.Table:
    """The records, each once: of several rows the first in the order of all columns."""
    key = records["record_key"]
    if key.null_count:
        raise TableError(f"records: {key.null_count} rows have no record_key. Give every record its key.")
    if len(pc.unique(key)) == records.num_rows:
        return records.combine_chunks()
    ordered = records.sort_by([(name, "ascending") for name in ("record_key", *records.column_names)])
    keys = ordered["record_key"].combine_chunks()
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = pc.not_equal(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)
    return ordered.filter(pa.array(is_first)).combine_chunks()


def smallest_key(label: np.ndarray, key: pa.Array, key_rank: np.ndarray) -> pa.Array:
    """By record, the smallest key among those with its label."""
    n = len(key)
    first = np.full(int(label.max(initial=-1)) + 1, n, dtype=np.int64)
    np.minimum.at(first, label, key_rank)
    by_rank = np.empty(n, dtype=np.int64)
    by_rank[key_rank] = np.arange(n)
    return key.take(pa.array(by_rank[first[label]]))


def before(counts: np.ndarray) -> np.ndarray:
    """How many come before each part of a sequence of parts."""
    return np.cumsum(counts) - counts


def as_hex(hashes: np.ndarray) -> pa.Array:
    """Hashes of 16 bytes as 32 hexadecimal digits."""
    digits = hashes.tobytes().hex()
    return pa.array([digits[at : at + 32] for at in range(0, len(digits), 32)], pa.string())


def text_column(table: pa.Table, column: str) -> pa.Array:
    """A column as one array of texts."""
    return table[column].combine_chunks().cast(pa.string())


def _find(values: Values, value: tuple[int, str, str], found: list[np.ndarray]) -> bool:
    """Whether a record asserts a value (record, type, hash); the rows of its assertions go to `found`."""
    record, kind, digest = value
    mine = np.flatnonzero(values.row_record == record)
    mine = (
        mine[[values.types[code] == kind for code in values.type_code[values.row_value[mine]]]] if len(mine) else mine
    )
    distinct, of_row = np.unique(values.row_value[mine], return_inverse=True)
    matches = np.array([text == digest for text in as_hex(values.hashes(distinct)).to_pylist()], dtype=bool)
    if not matches.any():
        return False
    found.append(values.row[mine[matches[of_row]]])
    return True


def _limits(values: Values, rules: Sequence[Rule], n: int, cannot: list[tuple[int, int]]) -> Limits:
    """What every record holds of the hard types. Blocked and unusable values are nobody's."""
    counted = np.isin(values.status, (PLAIN, HUB))
    hard = []
    for code, rule in enumerate(rules):
        if rule.max_values_per_person is None:
            continue
        held = np.flatnonzero((values.type_code == code) & counted)
        carriers = values.carriers[held]
        value = np.repeat(held, carriers)
        at = np.repeat(values.start[held] - before(carriers), carriers) + np.arange(len(value))
        hard.append(hard_values(rule.max_values_per_person, values.record[at], value, n))
    return Limits(tuple(hard), *pairs_of(cannot))


def _rank(key: pa.Array) -> np.ndarray:
    order = pc.sort_indices(key).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def require(table: pa.Table, columns: Sequence[str], name: str) -> None:
    """Raise `TableError` where a table lacks a column."""
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise TableError(
            f"{name}: the table lacks {', '.join(missing)}. It has {', '.join(table.column_names) or 'nothing'}."
        )
