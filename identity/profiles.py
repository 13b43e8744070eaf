"""What a record of a home states about a person, as likely pairs look at it, and the records that state the same.

Here: the compared columns of every record that is not anonymous, from that record's own rows alone; records that state
exactly the same as one profile, so that it is compared once. Not here: which profiles are compared (`neighbours`), how
alike two are (`alike`), what that is worth (`households`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.features import birth_digits, map_distinct, plain, street_words
from identity.hashed import HASH_PREFIX
from identity.names import parse_name
from identity.normalise import normalise_values
from identity.values import NO_TIME, micros

SINGLE = ("given_name", "family_name", "birth_date", "street", "postcode", "city", "gender")
SEVERAL = ("phone", "email")  # a record may have had several; the latest count
MOST_VALUES = 4
FEATURE_SCHEMA = pa.schema(
    [("record_key", pa.string())]
    + [(name, pa.string()) for name in SINGLE]
    + [(name, pa.list_(pa.string())) for name in SEVERAL]
)
_STATED = ("given_name", "full_name", "family_name")
_LONGEST = 300
_BREAK, _INNER = "\x1f", "\x1e"


def likely_features(records: pa.Table, assertions: pa.Table) -> pa.Table:
    """One row per record that is not anonymous, by record key: what it states, in a form that can be compared.

    `records`, `assertions`: as `resolve` takes them; columns that records lack count as not stated. A row depends on
    that record's own rows only. Phones and mailboxes are normalised, the latest first, at most four of each; names are
    split and in lower case, of a birth date the eight digits count.
    """
    from identity.resolution import one_row_per_record

    known = one_row_per_record(records)
    anonymous = pc.fill_null(known["is_anonymous"].cast(pa.bool_()), False)
    known = known.filter(pc.invert(anonymous)).sort_by("record_key").combine_chunks()
    n = known.num_rows
    key = known["record_key"].combine_chunks().cast(pa.string()) if n else pa.array([], pa.string())
    columns: dict[str, pa.Array] = {"record_key": key}
    columns["given_name"], columns["family_name"] = _names([_text(known, name) for name in _STATED])
    for name, normalise in (
        ("birth_date", birth_digits),
        ("street", street_words),
        ("postcode", lambda text: plain(text).replace(" ", "")),
        ("city", plain),
        ("gender", lambda text: plain(text)[:1]),
    ):
        columns[name] = map_distinct(pc.utf8_slice_codeunits(_text(known, name), 0, _LONGEST), normalise)
    region = _text(known, "default_region")
    for kind in SEVERAL:
        columns[kind] = _latest(assertions, kind, key, region)
    return pa.table(columns, schema=FEATURE_SCHEMA)


def features_as_text(features: pa.Table) -> pa.Table:
    """`record_key`, `stated`: each record's features as one text, to be kept."""
    columns = [_array(features[name]) for name in SINGLE]
    columns += [pc.binary_join(_array(features[name]), _INNER) for name in SEVERAL]
    stated = pc.binary_join_element_wise(*columns, _BREAK, null_handling="replace", null_replacement="")
    return pa.table({"record_key": _array(features["record_key"]), "stated": stated})


def features_of_text(kept: pa.Table) -> pa.Table:
    """The features that `features_as_text` made texts of, by record key."""
    kept = kept.sort_by("record_key")
    parts = pc.split_pattern(_array(kept["stated"]), _BREAK)
    columns: dict[str, pa.Array] = {"record_key": _array(kept["record_key"])}
    for at, name in enumerate((*SINGLE, *SEVERAL)):
        text = pc.list_element(parts, at) if len(kept) else pa.array([], pa.string())
        if name in SINGLE:
            columns[name] = pc.if_else(pc.equal(text, ""), None, text)
        else:
            split = pc.split_pattern(text, _INNER)
            columns[name] = pc.if_else(pc.equal(text, ""), pa.scalar([], split.type), split)
    return pa.table(columns, schema=FEATURE_SCHEMA)


def _text(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names or table.num_rows == 0:
        return pa.nulls(table.num_rows, pa.string())
    column = table[name].combine_chunks()
    return (column.cast(pa.date32()) if pa.types.is_timestamp(column.type) else column).cast(pa.string())


def _names(stated: list[pa.Array]) -> tuple[pa.Array, pa.Array]:
    """Given and family names of records, out of given, full and family names as they are written."""
    joined = pc.binary_join_element_wise(*stated, _BREAK, null_handling="replace", null_replacement="")
    coded = joined.dictionary_encode()
    given: list[str | None] = []
    family: list[str | None] = []
    for text in coded.dictionary.to_pylist():
        texts = [part[:_LONGEST] or None for part in text.split(_BREAK)[:3]]
        name = parse_name(*texts)
        given.append(name.given or None if name else None)
        family.append((name.family if name else plain(texts[2] or "")) or None)
    return pa.array(given, pa.string()).take(coded.indices), pa.array(family, pa.string()).take(coded.indices)


def _latest(assertions: pa.Table, kind: str, key: pa.Array, region: pa.Array) -> pa.Array:
    """By record, its normalised values of one type, the latest first."""
    of_kind = pc.fill_null(pc.equal(assertions["type"].cast(pa.string()), kind), False)
    rows = assertions.filter(of_kind).combine_chunks()
    record = pc.index_in(rows["record_key"].cast(pa.string()), value_set=key)
    rows, record = rows.filter(pc.is_valid(record)), pc.drop_null(record)
    record = record.combine_chunks() if isinstance(record, pa.ChunkedArray) else record
    of = np.asarray(record.to_numpy(zero_copy_only=False), dtype=np.int64)
    value = _normalised(kind, _text(rows, "value"), region.take(pa.array(of)) if kind == "phone" else None)
    used = micros(rows["last_at"] if "last_at" in rows.column_names else rows["first_at"])
    used = np.where(used == NO_TIME, np.iinfo(np.int64).min + 1, used)
    code = _codes_in_order(value)
    kept = np.flatnonzero(code >= 0)
    kept = kept[np.lexsort((code[kept], -used[kept], of[kept]))]
    # Of a value given twice the latest counts.
    _, first = np.unique(of[kept] * max(int(code.max(initial=0)) + 1, 1) + code[kept], return_index=True)
    kept = kept[np.sort(first)]
    begins = np.searchsorted(of[kept], np.arange(len(key)))
    kept = kept[np.arange(len(kept)) - begins[of[kept]] < MOST_VALUES]
    offsets = np.searchsorted(of[kept], np.arange(len(key) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), value.take(pa.array(kept)))


def _normalised(kind: str, texts: pa.Array, region: pa.Array | None) -> pa.Array:
    if len(texts) == 0:
        return pa.array([], pa.string())
    where = region if region is not None else pa.nulls(len(texts), pa.string())
    way = pc.binary_join_element_wise(texts, where, _BREAK, null_handling="replace", null_replacement="")
    coded = way.dictionary_encode()
    first = np.zeros(len(coded.dictionary), dtype=np.int64)
    at = coded.indices.to_numpy()
    first[at[::-1]] = np.arange(len(at))[::-1]
    found = normalise_values(kind, texts.take(pa.array(first)), where.take(pa.array(first))).value.cast(pa.string())
    # What is delivered as a hash can be equal, but never alike.
    found = pc.if_else(pc.fill_null(pc.starts_with(found, HASH_PREFIX), True), None, found)
    return found.take(coded.indices)


@dataclass(frozen=True)
class Profiles:
    """Records by what they state: distinct rows of features in the order of their content.

    `of_record`: each record's profile, -1 where it states nothing. `single[name]`, `several[name]`: by profile a code
    of its value, or one column a value, -1 without one. `texts[name]`: the value of each code, in order.
    """

    of_record: np.ndarray
    single: dict[str, np.ndarray]
    several: dict[str, np.ndarray]
    texts: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.single[SINGLE[0]])

    def without(self, values: Mapping[str, Sequence[str]]) -> Profiles:
        """The same profiles as if they did not state some values."""
        several = dict(self.several)
        for name, texts in values.items():
            dropped = set(texts)
            gone = np.array([*(text in dropped for text in self.texts[name]), False], dtype=bool)
            several[name] = np.where(gone[several[name]], -1, several[name])
        return Profiles(self.of_record, self.single, several, self.texts)


def profiles_of(features: pa.Table) -> Profiles:
    """Group records that state the same. The result does not depend on the order or the keys of the records."""
    n = features.num_rows
    columns = {name: _array(features[name]) for name in SINGLE}
    lists = {name: _array(features[name]) for name in SEVERAL}
    joined = pc.binary_join_element_wise(
        *columns.values(),
        *(pc.binary_join(column, _INNER) for column in lists.values()),
        _BREAK,
        null_handling="replace",
        null_replacement="",
    )
    content = _codes_in_order(joined)
    nothing = pc.equal(joined, _BREAK * (len(columns) + len(lists) - 1)).to_numpy(zero_copy_only=False)
    of_record = np.full(n, -1, dtype=np.int64)
    distinct, first, inverse = np.unique(content[~nothing], return_index=True, return_inverse=True)
    of_record[~nothing] = inverse
    rows = np.flatnonzero(~nothing)[first]
    single, several, texts = {}, {}, {}
    for name, column in columns.items():
        single[name], texts[name] = _coded(column.take(pa.array(rows)))
    for name, column in lists.items():
        chosen = column.take(pa.array(rows))
        code, texts[name] = _coded(chosen.flatten())
        table = np.full((len(distinct), MOST_VALUES), -1, dtype=np.int64)
        counts = pc.fill_null(pc.list_value_length(chosen), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        row = np.repeat(np.arange(len(distinct)), counts)
        table[row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)] = code
        several[name] = table
    return Profiles(of_record, single, several, texts)


def _array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _coded(column: pa.Array) -> tuple[np.ndarray, list[str]]:
    return _codes_in_order(column), sorted(pc.unique(pc.drop_null(column)).to_pylist())


def _codes_in_order(column: pa.Array) -> np.ndarray:
    """Distinct values as integers in the order of their text, from 0 without gaps; -1 for null."""
    coded = column.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    place = np.empty(len(texts) + 1, dtype=np.int64)
    place[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    place[-1] = -1
    return place[pc.fill_null(coded.indices, len(texts)).to_numpy(zero_copy_only=False).astype(np.int64)]
