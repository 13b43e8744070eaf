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
_SLICE = 500_000  # profiles taken apart at a time


def likely_features(records: pa.Table, assertions: pa.Table) -> pa.Table:
    """One row per record that is not anonymous, by record key: what it states, in a form that can be compared.

    `records`, `assertions`: as `resolve` takes them; columns that records lack count as not stated. A row depends on
    that record's own rows only. Phones and mailboxes are normalised, the latest first, at most four of each; names are
    split and in lower case, of a birth date the eight digits count.
    """
    from identity.exact import one_row_per_record

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


def taken_apart(stated: pa.ChunkedArray | pa.Array) -> dict[str, pa.Array]:
    """The columns of the features that `features_as_text` made texts of."""
    stated = _array(stated)
    parts = pc.split_pattern(stated, _BREAK)
    columns: dict[str, pa.Array] = {}
    for at, name in enumerate((*SINGLE, *SEVERAL)):
        text = pc.list_element(parts, at) if len(stated) else pa.array([], pa.string())
        if name in SINGLE:
            columns[name] = pc.if_else(pc.equal(text, ""), None, text)
        else:
            split = pc.split_pattern(text, _INNER)
            columns[name] = pc.if_else(pc.equal(text, ""), pa.scalar([], split.type), split)
    return columns


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
    code = _in_order(pa.chunked_array([value.dictionary_encode()]))[0]
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

    def first(self, records: int) -> Profiles:
        """The profiles of the first so many records, as if there were no others."""
        there = np.zeros(len(self) + 1, dtype=bool)
        there[self.of_record[:records]] = True
        there[-1] = False
        place = np.append(np.cumsum(there[:-1]) - 1, -1)
        return Profiles(
            place[self.of_record[:records]],
            {name: codes[there[:-1]] for name, codes in self.single.items()},
            {name: codes[there[:-1]] for name, codes in self.several.items()},
            self.texts,
        )


def profiles_of(stated: pa.ChunkedArray | pa.Array) -> Profiles:
    """Group records that state the same; `stated`: as `features_as_text` gives it. The profiles do not depend on the
    order of the records."""
    stated = _array(stated)
    n = len(stated)
    order = pc.sort_indices(stated)
    ordered = stated.take(order)
    is_new = np.ones(n, dtype=bool)
    is_new[1:] = pc.not_equal(ordered.slice(1), ordered.slice(0, max(n - 1, 0))).to_numpy(zero_copy_only=False)
    says = pc.not_equal(ordered, _BREAK * (len(SINGLE) + len(SEVERAL) - 1)).to_numpy(zero_copy_only=False)
    is_new &= says
    of_record = np.empty(n, dtype=np.int64)
    of_record[order.to_numpy()] = np.where(says, np.cumsum(is_new) - 1, -1)
    distinct = ordered.filter(pa.array(is_new))
    del ordered, order
    coded: dict[str, list[pa.DictionaryArray]] = {name: [] for name in (*SINGLE, *SEVERAL)}
    counts: dict[str, list[np.ndarray]] = {name: [] for name in SEVERAL}
    # Some at a time: taken apart a text needs several times its own space.
    for begin in range(0, max(len(distinct), 1), _SLICE):
        for name, column in taken_apart(distinct.slice(begin, _SLICE)).items():
            if name in SEVERAL:
                counts[name].append(pc.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.int64))
                column = column.flatten()
            coded[name].append(column.dictionary_encode())
    single, several, texts = {}, {}, {}
    for name, chunks in coded.items():
        codes, texts[name] = _in_order(pa.chunked_array(chunks).unify_dictionaries())
        if name in SINGLE:
            single[name] = codes
            continue
        size = np.concatenate(counts[name])
        table = np.full((len(distinct), MOST_VALUES), -1, dtype=np.int64)
        row = np.repeat(np.arange(len(distinct)), size)
        table[row, np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)] = codes
        several[name] = table
    return Profiles(of_record, single, several, texts)


def _array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _in_order(coded: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Codes of values in the order of their text, from 0 without gaps, -1 for null; and the text of each code."""
    if coded.num_chunks == 0:
        return np.empty(0, dtype=np.int64), []
    dictionary = coded.chunk(0).dictionary
    order = pc.sort_indices(dictionary)
    place = np.empty(len(dictionary) + 1, dtype=np.int64)
    place[order.to_numpy()] = np.arange(len(dictionary))
    place[-1] = -1
    indices = [
        pc.fill_null(chunk.indices.cast(pa.int64()), len(dictionary)).to_numpy(zero_copy_only=False)
        for chunk in coded.chunks
    ]
    return place[np.concatenate(indices)], dictionary.take(order).to_pylist()
