"""What a night can change: the values that changed records carry, for a caller who keeps last night's resolution.

Here: the carried values of some records, and the values that are the same behind a hash. Not here: the resolution
(`resolution`), where last night's is kept and how it is searched.

A group never reaches beyond its component (`Resolution.components`), and whatever is new tonight hangs on a record that
is new, changed or gone. So what can change is last night's components of those records and of all carriers of their
values, of last night and of tonight, and nothing beyond them has to be looked at. Not followed are values that link
nobody both nights: blocked ones, and hubs. A hub that no changed record carries has the carriers that it had, and
stays one. A hub that one does carry is judged anew with all its carriers at hand, unless more records than its type
allows carry it both nights: it stays a hub too, however many they are. Hubs that stay are told to `resolve` (`known`),
since not all their carriers are handed in.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.hashed import HASH_PREFIX, HASHED_TYPES, hashed_forms
from identity.normalise import normalise_values
from identity.rules import parse_blocked, parse_rules
from identity.values import HUB, PLAIN, encode, record_codes

_VALUE_COLUMNS = ("type", "value")


def carried_values(records: pa.Table, assertions: pa.Table, rules: pa.Table, blocked: pa.Table) -> pa.Table:
    """`record_key`, `type`, `value` (normalised) of some records; blocked and unusable values are left out.

    Columns of the tables: as for `resolve`.
    """
    key = records["record_key"].combine_chunks().cast(pa.string())
    region = pa.nulls(len(key), pa.string())
    if "default_region" in records.column_names:
        region = records["default_region"].combine_chunks().cast(pa.string())
    of_record = record_codes(assertions, key)
    values = encode(assertions, of_record, np.arange(len(key)), region, parse_rules(rules), parse_blocked(blocked))
    value_of = np.repeat(np.arange(len(values.carriers)), values.carriers)
    kept = np.isin(values.status[value_of], (PLAIN, HUB))
    return pa.table(
        {
            "record_key": key.take(pa.array(values.record[kept])),
            "type": pa.array(values.types, pa.string()).take(pa.array(values.type_code[value_of[kept]])),
            "value": values.text.take(pa.array(value_of[kept])),
        }
    )


def hashes_among(values: pa.Table) -> pa.Table:
    """The hashed values (`type`, `value`) whose plain value is not known."""
    return values.select(_VALUE_COLUMNS).filter(pc.starts_with(values["value"], HASH_PREFIX))


def hashes_of(typed: pa.Table) -> pa.Table:
    """Hashed values (`type`, `value`) and the `plain` ones behind them, of identifiers as typed.

    `typed`: `type`, `value`, `default_region`.
    """
    found: list[tuple[str, str, str]] = []
    for kind in HASHED_TYPES.values():
        mine = typed.filter(pc.equal(typed["type"], kind)).combine_chunks()
        if mine.num_rows == 0:
            continue
        texts = mine["value"].combine_chunks()
        plain = normalise_values(kind, texts, mine["default_region"].combine_chunks()).value
        for value, text in zip(plain.to_pylist(), texts.to_pylist(), strict=True):
            if value is not None and not value.startswith(HASH_PREFIX):
                found += [(kind, digest, value) for digest in hashed_forms(kind, value, text)]
    names = (*_VALUE_COLUMNS, "plain")
    return pa.table({name: pa.array([row[at] for row in found], pa.string()) for at, name in enumerate(names)})
