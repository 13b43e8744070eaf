"""Assertions as integer codes: which records carry which value, and what each value may do.

Here: normalising the distinct values of every type, the carriers of each value in
the order of time, and a value's status as far as it takes no look at people (blocked, hub by records, unusable, else
plain). Not here: contradictions and people behind a value (`people`), linking (`resolution`).

A status comes from the carriers' own records, counted over all records, and never from clusters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.blocked import blocked_reason
from identity.hashed import HASHED_TYPES, is_hash, plain_values
from identity.normalise import normalise_values
from identity.rules import BlockedValue, Rule, RuleError

NO_TIME = np.iinfo(np.int64).max  # a missing time comes after every time
PLAIN, BLOCKED, HUB, UNUSABLE, SHARED = range(5)
STATUS_NAMES = ("plain", "blocked", "hub", "unusable", "shared")
_SHOWN_CHARACTERS = 80  # of a value that could not be normalised


class TableError(ValueError):
    """A table handed in lacks what it must hold."""


@dataclass(frozen=True)
class Values:
    """Distinct values and who carries them.

    Arrays over values: `type_code` (index into `types`), `text`, `carriers`, `status`, `reason`, `start` (with one more
    at the end). Value v's carriers are `record[start[v]:start[v + 1]]`, each once, by `first_at`, then record key.
    Arrays over usable or unusable assertions: `row` (in the table), `row_value`, `row_record`.
    """

    types: tuple[str, ...]
    type_code: np.ndarray
    text: pa.Array
    carriers: np.ndarray
    status: np.ndarray
    reason: pa.Array
    start: np.ndarray
    record: np.ndarray
    first_at: np.ndarray
    row: np.ndarray
    row_value: np.ndarray
    row_record: np.ndarray

    def hashes(self, values: np.ndarray) -> np.ndarray:
        """The hash of type and value, 16 bytes as two big-endian integers, for some values."""
        prefixes = [kind.encode() + b"\x1f" for kind in self.types]
        texts = self.text.take(pa.array(values)).to_pylist()
        kinds = self.type_code[values].tolist()
        sha256 = hashlib.sha256
        digests = b"".join([sha256(prefixes[k] + t.encode()).digest()[:16] for k, t in zip(kinds, texts, strict=True)])
        return np.frombuffer(digests, dtype=">u8").reshape(-1, 2)


def encode(
    assertions: pa.Table,
    record_of: np.ndarray,
    key_rank: np.ndarray,
    region_of: pa.Array,
    rules: Mapping[str, Rule],
    blocked: Sequence[BlockedValue],
    elsewhere: pa.Table | None = None,
) -> Values:
    """Code the assertions. `record_of`: each assertion's record; `key_rank`, `region_of`: by record.

    `elsewhere`: `type`, `value`, `default_region` of identifiers that hashes may also stand for, whosever they are.

    Raises `RuleError` when a type in the data has no rule.
    """
    kinds = assertions["type"].combine_chunks().cast(pa.string())
    base = kinds
    for delivered, plain in HASHED_TYPES.items():
        base = pc.if_else(pc.equal(base, delivered), plain, base)
    present = set(pc.unique(base).to_pylist())
    unruled = sorted(str(kind) for kind in present if kind not in rules)
    if unruled:
        raise RuleError(
            f"identity_rules.csv: no rule for the identifier type{'s' * (len(unruled) > 1)} {', '.join(unruled)}, "
            "which the data holds. Add a line for each, or leave the type out of the assertions."
        )
    types = tuple(sorted(present, key=lambda kind: (rules[kind].priority, kind)))
    raw = assertions["value"].combine_chunks().cast(pa.string())
    times = micros(assertions["first_at"])
    columns: list[_OneType] = []
    for kind in types:
        rows = pc.indices_nonzero(pc.equal(base, kind))
        columns.append(_one_type(kind, rows, kinds, raw, record_of, region_of, blocked, elsewhere))
    offset = np.cumsum([0] + [len(c.text) for c in columns])
    value = _concat([c.value_of + offset[i] for i, c in enumerate(columns)])
    row = _concat([c.row for c in columns])
    start, record, first_at = _carriers(value, record_of[row], times[row], int(offset[-1]), key_rank)
    carriers = np.diff(start)
    type_code = np.repeat(np.arange(len(types), dtype=np.int16), np.diff(offset))
    status = np.concatenate([c.status for c in columns]) if columns else np.empty(0, np.int8)
    reason = pa.concat_arrays([c.reason for c in columns]) if columns else pa.nulls(0, pa.string())
    limits = np.array([rules[kind].max_records_per_value or NO_TIME for kind in types], dtype=np.int64)
    is_hub = (status == PLAIN) & (carriers > limits[type_code])
    status[is_hub] = HUB
    limit_text = pa.array([f"carried by more than {limit} records" for limit in limits.tolist()], pa.string())
    reason = pc.if_else(pa.array(is_hub), limit_text.take(pa.array(type_code)), reason)
    text = pa.concat_arrays([c.text for c in columns]) if columns else pa.nulls(0, pa.string())
    return Values(types, type_code, text, carriers, status, reason, start, record, first_at, row, value, record_of[row])


def with_hubs(values: Values, known: pa.Table | None) -> Values:
    """The values with some of them known to be hubs (`type`, `value`, `reason`), whatever carriers are here."""
    if known is None or known.num_rows == 0:
        return values
    status = values.status.copy()
    reason = values.reason
    for code, kind in enumerate(values.types):
        of_kind = known.filter(pc.equal(known["type"], kind))
        mine = pa.array(values.type_code == code)
        index = pc.index_in(values.text, value_set=of_kind["value"].combine_chunks())
        is_known = pc.and_(mine, pc.is_valid(index))
        status[is_known.to_numpy(zero_copy_only=False)] = HUB
        reason = pc.if_else(is_known, of_kind["reason"].combine_chunks().take(index), reason)
    return replace(values, status=status, reason=reason)


@dataclass(frozen=True)
class _OneType:
    """A type's values and, for its assertions (`row`), the value of each."""

    text: pa.Array
    status: np.ndarray
    reason: pa.Array
    row: np.ndarray
    value_of: np.ndarray


def _one_type(
    kind: str,
    rows: pa.Array,
    kinds: pa.Array,
    raw: pa.Array,
    record_of: np.ndarray,
    region_of: pa.Array,
    blocked: Sequence[BlockedValue],
    elsewhere: pa.Table | None,
) -> _OneType:
    row = rows.to_numpy().astype(np.int64)
    typed = raw.take(rows)
    # A distinct text is normalised once for each way it was delivered: as what type, and for phones in which country.
    ways = kinds.take(rows).dictionary_encode()
    way = ways.indices.to_numpy().astype(np.int64)
    way_kinds: list[tuple[str, str | None]] = [(k, None) for k in ways.dictionary.to_pylist()]
    if kind == "phone":
        regions = region_of.take(pa.array(record_of[row])).dictionary_encode(null_encoding="encode")
        names = regions.dictionary.to_pylist()
        way = way * len(names) + regions.indices.to_numpy()
        way_kinds = [(k, name) for k, _ in way_kinds for name in names]
    encoded = typed.dictionary_encode(null_encoding="encode")
    code = encoded.indices.to_numpy().astype(np.int64)
    pair = code * len(way_kinds) + way
    distinct, pair_of = np.unique(pair, return_inverse=True)
    texts = encoded.dictionary.take(pa.array(distinct // len(way_kinds))).cast(pa.string())
    way = distinct % len(way_kinds)
    value, why = _normalised(texts, way, way_kinds)
    if kind in HASHED_TYPES.values():
        regions = pa.array([region for _, region in way_kinds], pa.string()).take(pa.array(way))
        value = _read_hashes(kind, value, texts, regions, blocked, elsewhere)
    # A null value is dropped: a field left empty is no identifier.
    is_null = pc.is_null(texts).to_numpy(zero_copy_only=False)
    usable = pc.is_valid(value)
    shown = pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(texts), 0, _SHOWN_CHARACTERS)
    unusable_text = pc.if_else(usable, None, shown)
    good = value.dictionary_encode()
    bad = unusable_text.dictionary_encode()
    n_good = len(good.dictionary)
    of_good = pc.fill_null(good.indices, -1).to_numpy().astype(np.int64)
    of_bad = pc.fill_null(bad.indices, -1).to_numpy().astype(np.int64)
    of_pair = np.where(of_good >= 0, of_good, of_bad + n_good)
    text = pa.concat_arrays([good.dictionary, bad.dictionary])
    reason = blocked_reason(kind, text, blocked)
    status = np.full(len(text), PLAIN, dtype=np.int8)
    status[n_good:] = UNUSABLE
    status[pc.is_valid(reason).to_numpy(zero_copy_only=False)] = BLOCKED
    bad_why = pa.nulls(len(bad.dictionary), pa.string())
    if len(bad.dictionary):
        first_pair = np.full(len(bad.dictionary), -1, dtype=np.int64)
        where = np.flatnonzero(of_bad >= 0)[::-1]
        first_pair[of_bad[where]] = where
        bad_why = why.take(pa.array(first_pair))
    reason = pc.coalesce(reason, pa.concat_arrays([pa.nulls(n_good, pa.string()), bad_why]))
    keep = ~is_null[pair_of]
    return _OneType(text, status, reason, row[keep], of_pair[pair_of[keep]])


def _read_hashes(
    kind: str,
    value: pa.Array,
    texts: pa.Array,
    regions: pa.Array,
    blocked: Sequence[BlockedValue],
    elsewhere: pa.Table | None,
) -> pa.Array:
    """The values with each hash replaced by its plain value, where that is among them or elsewhere."""
    if not pc.any(is_hash(value)).as_py():
        return value
    n = len(value)
    if elsewhere is not None:
        more = elsewhere.filter(pc.equal(elsewhere["type"], kind)).combine_chunks()
        typed, where = (more[name].cast(pa.string()).combine_chunks() for name in ("value", "default_region"))
        plain = normalise_values(kind, typed, where).value.cast(pa.string())
        plain = pc.if_else(is_hash(plain), None, plain)
        value, texts, regions = (
            pa.concat_arrays([here, there]) for here, there in ((value, plain), (texts, typed), (regions, where))
        )
    is_blocked = pc.is_valid(blocked_reason(kind, value, blocked))
    return plain_values(kind, value, texts, regions, is_blocked).slice(0, n)


def _normalised(texts: pa.Array, way: np.ndarray, way_kinds: list[tuple[str, str | None]]) -> tuple[pa.Array, pa.Array]:
    """Normalised values and reasons of texts delivered in several ways."""
    value, reason = pa.nulls(len(texts), pa.string()), pa.nulls(len(texts), pa.string())
    for delivered in dict.fromkeys(kind for kind, _ in way_kinds):
        ways = [i for i, (kind, _) in enumerate(way_kinds) if kind == delivered]
        here = np.isin(way, ways)
        regions = pa.array([region for _, region in way_kinds], pa.string()).take(pa.array(way[here]))
        found = normalise_values(delivered, texts.filter(pa.array(here)), regions)
        value = pc.replace_with_mask(value, pa.array(here), found.value.cast(pa.string()))
        reason = pc.replace_with_mask(reason, pa.array(here), found.reason.cast(pa.string()))
    return value, reason


def _carriers(
    value: np.ndarray, record: np.ndarray, time: np.ndarray, n_values: int, key_rank: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each value's carriers, once each with its earliest time, in the order (time, record key)."""
    n_records = max(len(key_rank), 1)
    pair = value * n_records + record
    order = np.lexsort((time, pair))
    pair = pair[order]
    first = np.ones(len(pair), dtype=bool)
    first[1:] = pair[1:] != pair[:-1]
    order = order[first]
    value, record, time = value[order], record[order], time[order]
    count = np.bincount(value, minlength=n_values)
    start = np.concatenate([[0], np.cumsum(count)])
    # Most values have one carrier and are in place already.
    several = np.flatnonzero((count > 1)[value]) if len(value) else np.empty(0, dtype=np.int64)
    resorted = several[np.lexsort((key_rank[record[several]], time[several], value[several]))]
    record[several], time[several] = record[resorted], time[resorted]
    return start, record, time


def record_codes(assertions: pa.Table, key: pa.Array) -> np.ndarray:
    """Each assertion's place among the record keys; `TableError` when it names none of them."""
    column = assertions["record_key"].combine_chunks()
    codes = pc.index_in(column.cast(pa.string()), value_set=key)
    if codes.null_count:
        unknown = pc.unique(column.filter(pc.is_null(codes)))
        raise TableError(
            f"assertions: {codes.null_count} rows name {len(unknown)} records that are not in records, the first "
            f"{unknown[0].as_py()!r}. Give every record that carries an identifier."
        )
    return codes.to_numpy().astype(np.int64)


def micros(column: pa.ChunkedArray) -> np.ndarray:
    """Times as microseconds since 1970, a missing one after all others."""
    if pa.types.is_null(column.type):
        return np.full(len(column), NO_TIME, dtype=np.int64)
    kind = pa.timestamp("us", tz=column.type.tz) if pa.types.is_timestamp(column.type) else pa.timestamp("us")
    micros = column.cast(kind, safe=False).cast(pa.int64()).combine_chunks()
    return np.array(pc.fill_null(micros, NO_TIME).to_numpy(zero_copy_only=False))


def _concat(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, dtype=np.int64)
