"""Decisions about records named as they are published.

Here: finding the record behind `source/type/h_…`, the form in which a record whose own id is personal is shown. Not
here: the hash itself (`anchors`), obeying decisions (`overrides`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from identity.anchors import ID_CHARACTERS, published_record_ids

_HASHED = re.compile(rf"(?P<kind>.*/)h_[a-z2-7]{{{ID_CHARACTERS}}}", re.DOTALL)
_COLUMNS = ("record_key", "other_record_key")


def with_record_keys(overrides: pa.Table, give_records: Callable[[], pa.Table], home_key: bytes) -> pa.Table:
    """The overrides with the key of the record in place of its published one; a name that fits no record stays.

    `give_records` is asked for the records, as for `resolve`, only when an override names a hash.
    """
    columns = {name: overrides[name].cast(pa.string()).to_pylist() for name in _COLUMNS}
    named = {text.strip() for cells in columns.values() for text in cells if text and _HASHED.fullmatch(text.strip())}
    if not named:
        return overrides
    records = give_records()
    key = records["record_key"].combine_chunks().cast(pa.string())
    kind = records["record_type"].combine_chunks().cast(pa.string())
    source = records["source_system"].combine_chunks().cast(pa.string())
    prefix = pc.binary_join_element_wise(source, kind, "", "/")
    prefixes = {match["kind"] for text in named if (match := _HASHED.fullmatch(text))}
    at = pc.indices_nonzero(pc.is_in(prefix, value_set=pa.array(sorted(prefixes), pa.string())))
    records, key, kind, prefix = records.take(at), key.take(at), kind.take(at), prefix.take(at)
    none = pa.nulls(len(at), pa.string())
    region = records["default_region"].combine_chunks() if "default_region" in records.column_names else none
    has_flag = "has_personal_id" in records.column_names
    flag = pc.fill_null(records["has_personal_id"].combine_chunks().cast(pa.bool_()), False) if has_flag else None
    source_id = records["source_record_id"].combine_chunks().cast(pa.string())
    shown = published_record_ids(source_id, kind, region.cast(pa.string()), key, home_key, flag)
    key_of = dict(zip(pc.binary_join_element_wise(prefix, shown, "").to_pylist(), key.to_pylist(), strict=True))
    for name, cells in columns.items():
        found = [key_of.get(text.strip(), text) if text else text for text in cells]
        overrides = overrides.set_column(overrides.column_names.index(name), name, pa.array(found, pa.string()))
    return overrides
