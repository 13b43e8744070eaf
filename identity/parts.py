"""A home's records in parts that are resolved one after the other, so that memory holds one part at a time.

Here: which records hang together in what is exact, parts of about one size that cut nothing apart, a part's records and
assertions, what has to be told of values whose carriers lie in several parts. Not here: the resolution of a part
(`exact`, `resolution`), probable pairs (`night_pairs`), the table that comes of it (`nights`).

A component is what linking values, decisions and probable pairs join, and no group reaches beyond one. Values that link
nobody lie in several parts: those that too many records carry are told to each part (`known`), with the spellings that
hashes may stand for (`elsewhere`), as in `incremental`. Decisions and all that they name are in the first part.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.cluster import components
from identity.exact import Exact, carry, joined, link_exactly
from identity.hashed import HASHED_TYPES, LOOKS_HASHED
from identity.kept import Query, Tonight, rows_of
from identity.values import HUB, PLAIN, Values

RECORDS_OF_A_PART = 500_000
_COMPONENTS, _PARTS = "identity_components", "identity_parts"


class Parts:
    """The parts of tonight's records; `close` forgets them."""

    def __init__(self, tonight: Tonight) -> None:
        self._tonight, self._query = tonight, tonight.query
        self._known: pa.Table | None = None
        self._elsewhere: pa.Table | None = None
        self.count = 1
        self._is_whole = self._query("select count(*) as n from records")["n"][0].as_py() <= RECORDS_OF_A_PART
        # What is wrong with the tables is said of all of them at once.
        self._is_whole = self._is_whole or _is_irregular(self._query)
        if not self._is_whole:
            self._find_components()
            self.join(None)

    def join(self, pairs: pa.Table | None) -> None:
        """Parts in which the two records of a pair (`left_record`, `right_record`) are together."""
        if self._is_whole:
            return
        query = self._query
        sizes = query(f"select component, count(*) as records from {_COMPONENTS} group by component order by component")
        n = sizes.num_rows
        label = np.arange(n)
        if pairs is not None:
            ends = query(
                f"select one.component as one, other.component as other from pairs join {_COMPONENTS} as one"
                f" on left_record = one.record_key join {_COMPONENTS} as other on right_record = other.record_key",
                pairs=pairs,
            )
            label = components(n, ends["one"].to_numpy(), ends["other"].to_numpy())
        part = _in_parts(label, sizes["records"].to_numpy())
        self.count = int(part.max(initial=0)) + 1
        table = pa.table({"component": np.arange(n), "part": part})
        query.keep(_PARTS, f"select record_key, part from {_COMPONENTS} join parts using (component)", parts=table)

    def keys(self, part: int) -> pa.Table:
        """`record_key` of a part's records."""
        if self._is_whole:
            return self._query("select record_key from records union select record_key from assertions")
        return self._query(f"select record_key from {_PARTS} where part = {part}")

    def linked(self, part: int, keys: pa.Table) -> tuple[Exact, pa.Table, pa.Table]:
        """What is exact in a part, and its records and assertions."""
        tonight = self._tonight
        records, assertions = rows_of(self._query, "records", keys), rows_of(self._query, "assertions", keys)
        overrides = tonight.overrides if part == 0 else tonight.overrides.slice(0, 0)
        exact = link_exactly(
            records, assertions, tonight.rules, tonight.blocked, overrides, False, self._known, self._elsewhere
        )
        return exact, records, assertions

    def close(self) -> None:
        """Keep the tables of the parts no longer."""
        self._query.drop(_COMPONENTS, _PARTS)

    def _find_components(self) -> None:
        query, tonight = self._query, self._tonight
        has_region = "default_region" in query("from records limit 0").column_names
        region = "default_region" if has_region else "null"
        numbered = query(f"select record_key, {region}::varchar as region from records order by record_key")
        key, region_of = numbered["record_key"].combine_chunks(), numbered["region"].combine_chunks()
        n = len(key)
        query.keep(_COMPONENTS, "select record_key, row_number() over (order by record_key) - 1 as number from records")
        said = query(f"select number, type, value, first_at from assertions join {_COMPONENTS} using (record_key)")
        record_of = said["number"].to_numpy().astype(np.int64)
        said = said.select(["type", "value", "first_at"]).combine_chunks()
        rules, blocked, overrides = tonight.rules, tonight.blocked, tonight.overrides
        found = carry(said, record_of, key, np.arange(n), region_of, rules, blocked, overrides)
        values = found.values
        component = joined(values, values.status == PLAIN, found.decided, n).astype(np.int64)
        # Whatever a decision names is of one component, the first.
        names = pa.chunked_array([*overrides["record_key"].chunks, *overrides["other_record_key"].chunks], pa.string())
        is_named = pc.is_in(key, value_set=names.combine_chunks()).to_numpy(zero_copy_only=False)
        decided = np.isin(component, component[is_named])
        component = np.unique(np.where(decided, 0, component + 1), return_inverse=True)[1]
        self._known = _hubs(values)
        self._elsewhere = _typed_at_hubs(values, found.assertions, region_of)
        table = pa.table({"record_key": key, "component": component})
        query.keep(_COMPONENTS, "from found", found=table)


def _is_irregular(query: Query) -> bool:
    """Whether a record has no key or comes twice, or an assertion names no record."""
    found = query(
        "select count(*) <> count(distinct record_key)"
        " or exists (from assertions anti join records using (record_key)) as is_irregular from records"
    )
    return bool(found["is_irregular"][0].as_py())


def _in_parts(label: np.ndarray, records: np.ndarray) -> np.ndarray:
    """By component, its part: components of one label in one part, the first in the first, parts filled in turn."""
    label = np.where(label == label[0], 0, label + 1) if len(label) else label
    sizes = np.bincount(label, weights=records).astype(np.int64)
    part = (np.cumsum(sizes) - sizes) // RECORDS_OF_A_PART
    # Parts that one large component leaves empty are no parts.
    return np.asarray(np.unique(part, return_inverse=True)[1][label])


def _hubs(values: Values) -> pa.Table:
    """`type`, `value` and `reason` of the values that too many records carry."""
    at = pa.array(np.flatnonzero(values.status == HUB))
    kinds = pa.array(values.types, pa.string()).take(pa.array(values.type_code)) if values.types else pa.array([])
    return pa.table({"type": kinds.take(at), "value": values.text.take(at), "reason": values.reason.take(at)})


def _typed_at_hubs(values: Values, assertions: pa.Table, region: pa.Array) -> pa.Table | None:
    """How the identifiers of hubs are typed (`type`, `value`, `default_region`), where hashes may stand for them."""
    if not pc.any(pc.match_substring_regex(assertions["value"], pattern=LOOKS_HASHED)).as_py():
        return None
    hashable = [code for code, kind in enumerate(values.types) if kind in HASHED_TYPES.values()]
    is_hub = (values.status == HUB) & np.isin(values.type_code, hashable)
    at = np.flatnonzero(is_hub[values.row_value])
    rows = pa.array(values.row[at])
    typed = pa.table(
        {
            "type": assertions["type"].take(rows),
            "value": assertions["value"].take(rows),
            "default_region": region.take(pa.array(values.row_record[at])),
        }
    )
    return typed.group_by(typed.column_names).aggregate([])
