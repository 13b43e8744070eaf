"""Who is one person: from records and assertions to groups, links and ids.

Here: the stages in their order (exact cells, then anonymous types), the accepted links and the tables of the result.
Not here: normalising and the status of values (`values`), components (`cluster`), the tree (`tree`), ids (`anchors`).

Every accepted cell is a star at its earliest carrier; a link is one ray of it. Links are ordered by (stage, priority of
the type, time of the cell's second-earliest carrier, hash of type and value, place of the carrier in its cell), so the
spanning tree is unique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity import anchors, tree
from identity.cluster import components
from identity.rules import parse_blocked, parse_rules
from identity.values import PLAIN, STATUS_NAMES, Values, _micros, encode

SOURCE_RANK = ("shopify", "pos", "zendesk", "events")

_RECORD_COLUMNS = ("record_key", "source_system", "record_type", "source_record_id", "is_anonymous", "created_at")
_ASSERTION_COLUMNS = ("record_key", "type", "value", "first_at")


class TableError(ValueError):
    """A table handed in lacks what it must hold."""


@dataclass(frozen=True)
class Resolution:
    """The outcome of `resolve`.

    - `members`, one row per record: `record_key`, `customer_id`, `anchor_record_key`, `match_rule` (`anchor` or the
      type of the record's tree edge towards its anchor), `match_confidence` (float64, the smallest on that path),
      `published_record_id`, `is_anonymous` (of the whole group).
    - `values`, one row per distinct value: `type`, `value` (normalised; as typed when unusable), `carriers` (records),
      `status` (`plain`, `blocked`, `hub`, `unusable`), `reason` (null when plain). Only plain values link.
    - `links`, one row per accepted link in the order of the spanning tree: `record_key` (the cell's earliest carrier),
      `other_record_key`, `type`, `value`, `value_hash` (32 hexadecimal digits of SHA-256 of type, U+001F, value),
      `confidence` (float64), `in_tree`, `customer_id`.
    """

    members: pa.Table
    values: pa.Table
    links: pa.Table


@dataclass(frozen=True)
class _Links:
    """Accepted links as codes, in their order: two records and the value between them."""

    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True)
class _LinkOrder:
    """How links of one stage are ordered; arrays over values."""

    priority: np.ndarray
    hash_place: np.ndarray

    def sort(self, left: np.ndarray, right: np.ndarray, value: np.ndarray, second_at: np.ndarray) -> _Links:
        """Links in their order; rays of one cell come in the order of its carriers and stay so."""
        order = np.lexsort((self.hash_place[value], second_at, self.priority[value]))
        return _Links(left[order], right[order], value[order])


def resolve(
    records: pa.Table,
    assertions: pa.Table,
    rules: pa.Table,
    blocked: pa.Table,
    births: pa.Table,
    night: int,
    home_key: bytes,
    source_rank: Sequence[str] = SOURCE_RANK,
) -> Resolution:
    """Group records into people.

    `records`: `record_key`, `source_system`, `record_type`, `source_record_id`, `is_anonymous`, `created_at` (UTC,
    nullable), optionally `default_region` (ISO country of phones without a prefix, nullable). `assertions`:
    `record_key`, `type`, `value`, `first_at` (nullable); more columns are ignored. `rules`, `blocked`: see `rules`.
    `births`: `record_key`, `birth_night` of the records ever published; all others are born in `night`.

    A record given twice counts once, its first spelling in the order of all columns. A record without a usable value is
    a group of its own. Raises `RuleError` for wrong rules and for a type without a rule, `TableError` for wrong tables.
    """
    rule_of = parse_rules(rules)
    blocked_values = parse_blocked(blocked)
    _require(records, _RECORD_COLUMNS, "records")
    _require(assertions, _ASSERTION_COLUMNS, "assertions")
    _require(births, ("record_key", "birth_night"), "births")
    if not home_key:
        raise ValueError("home_key is empty; ids would be guessable. Give the key of the home.")
    records = _one_row_per_record(records)
    n = records.num_rows
    key = _text(records, "record_key")
    region = _text(records, "default_region") if "default_region" in records.column_names else pa.nulls(n, pa.string())
    key_rank = _rank(key)
    is_anonymous = pc.fill_null(records["is_anonymous"].combine_chunks().cast(pa.bool_()), False).to_numpy(
        zero_copy_only=False
    )

    record_of = _record_codes(assertions, key)
    values = encode(assertions, record_of, key_rank, region, rule_of, blocked_values)
    linking = values.status == PLAIN
    anonymous_type = np.array([rule_of[kind].anonymous for kind in values.types], dtype=bool)
    of_anonymous_type = anonymous_type[values.type_code]

    cells = np.flatnonzero(linking & (values.carriers > 1))
    hashes = values.hashes(cells)
    # The order of cells of one priority and time.
    hash_place = np.empty(len(values.carriers), dtype=np.int64)
    hash_place[cells[np.lexsort((hashes[:, 1], hashes[:, 0]))]] = np.arange(len(cells))
    priority = np.array([rule_of[kind].priority for kind in values.types], dtype=np.int64)[values.type_code]
    order = _LinkOrder(priority, hash_place)

    left, right, value = _stars(values, cells[~of_anonymous_type[cells]])
    group = components(n, left, right)
    group = _join_anonymous(values, np.flatnonzero(linking & of_anonymous_type), group, is_anonymous)
    exact_links = order.sort(left, right, value, values.first_at[values.start[value] + 1])
    by_group = _anonymous_stars(values, cells[of_anonymous_type[cells]], group, key_rank)
    links = _append(exact_links, order.sort(*by_group))

    created_at = _micros(records["created_at"])
    birth = anchors.births_of(key, births, night)
    rank = anchors.source_ranks(_text(records, "source_system"), source_rank)
    anchor = anchors.anchors(group, anchors.anchor_order(is_anonymous, birth, created_at, rank, key_rank))
    customer = anchors.customer_ids(key.take(pa.array(anchor)), home_key)

    in_tree = tree.spanning_tree(n, links.left, links.right)
    in_tree_at = np.flatnonzero(in_tree)
    parent, edge = tree.edge_towards(n, anchor, links.left[in_tree], links.right[in_tree])
    confidence = np.ones(len(links))
    type_of_link = values.type_code[links.value]
    rule_names = pa.array([*values.types, "anchor"], pa.string())
    rule = np.full(n, len(values.types), dtype=np.int64)
    rule[edge >= 0] = type_of_link[in_tree_at[edge[edge >= 0]]]

    of_group = pa.array(group)
    all_anonymous = np.ones(len(anchor), dtype=bool)
    all_anonymous[group[~is_anonymous]] = False
    kind, source_id = _text(records, "record_type"), _text(records, "source_record_id")
    members = pa.table(
        {
            "record_key": key,
            "customer_id": customer.take(of_group),
            "anchor_record_key": key.take(pa.array(anchor[group])),
            "match_rule": rule_names.take(pa.array(rule)),
            "match_confidence": tree.smallest_on_path(parent, edge, confidence[in_tree]),
            "published_record_id": anchors.published_record_ids(source_id, kind, region, key, home_key),
            "is_anonymous": all_anonymous[group],
        }
    )
    type_names = pa.array(values.types, pa.string())
    value_table = pa.table(
        {
            "type": type_names.take(pa.array(values.type_code)),
            "value": values.text,
            "carriers": values.carriers,
            "status": pa.array(STATUS_NAMES).take(pa.array(values.status)),
            "reason": values.reason,
        }
    )
    place = np.empty(len(values.carriers), dtype=np.int64)
    place[cells] = np.arange(len(cells))
    link_table = pa.table(
        {
            "record_key": key.take(pa.array(links.left)),
            "other_record_key": key.take(pa.array(links.right)),
            "type": type_names.take(pa.array(type_of_link)),
            "value": values.text.take(pa.array(links.value)),
            "value_hash": _hex(hashes).take(pa.array(place[links.value])),
            "confidence": confidence,
            "in_tree": in_tree,
            "customer_id": customer.take(pa.array(group[links.left])),
        }
    )
    return Resolution(members, value_table, link_table)


def _stars(values: Values, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each cell as rays from its earliest carrier: earliest carrier, other carrier, value."""
    rays = values.carriers[cells] - 1
    value = np.repeat(cells, rays)
    begin = np.repeat(values.start[cells] + 1 - _before(rays), rays)
    at = begin + np.arange(len(value))
    return values.record[values.start[value]], values.record[at], value


def _join_anonymous(values: Values, cells: np.ndarray, group: np.ndarray, is_anonymous: np.ndarray) -> np.ndarray:
    """Groups after the anonymous stage (S4).

    In a component of groups joined by anonymous values with at most one known group all are one. With two or more known
    groups, an anonymous group joins a known one only if each of its anonymous values is carried by that known group and
    by no other; known groups stay apart.
    """
    n_groups = int(group.max(initial=-1)) + 1
    if len(cells) == 0:
        return group
    counts = values.carriers[cells]
    value = np.repeat(np.arange(len(cells)), counts)
    at = np.repeat(values.start[cells] - _before(counts), counts) + np.arange(len(value))
    member = group[values.record[at]].astype(np.int64)
    known = np.zeros(n_groups, dtype=bool)
    known[group[~is_anonymous]] = True

    component = components(n_groups + len(cells), member, value + n_groups)[:n_groups]
    known_in = np.bincount(component[known], minlength=int(component.max()) + 1)
    contested = known_in[component] > 1
    # By value, the first and the last known group that carries it: the same when there is just one.
    lowest, highest = np.full(len(cells), n_groups), np.full(len(cells), -1)
    by_known = known[member]
    np.minimum.at(lowest, value[by_known], member[by_known])
    np.maximum.at(highest, value[by_known], member[by_known])
    lead = np.where(lowest == highest, lowest, -1)  # -1 leads to nobody, or to several
    by_anonymous = ~known[member] & contested[member]
    first_lead, last_lead = np.full(n_groups, n_groups), np.full(n_groups, -1)
    np.minimum.at(first_lead, member[by_anonymous], lead[value[by_anonymous]])
    np.maximum.at(last_lead, member[by_anonymous], lead[value[by_anonymous]])
    joins = (first_lead == last_lead) & (first_lead >= 0)

    new = np.arange(n_groups)
    new[joins] = first_lead[joins]
    new[~contested] = n_groups + component[~contested]
    _, compact = np.unique(new[group], return_inverse=True)
    return compact


def _anonymous_stars(
    values: Values, cells: np.ndarray, group: np.ndarray, key_rank: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The carriers of each value, group by group, as rays; and the time of each cell's second-earliest carrier."""
    counts = values.carriers[cells]
    value = np.repeat(cells, counts)
    at = np.repeat(values.start[cells] - _before(counts), counts) + np.arange(len(value))
    record, time = values.record[at], values.first_at[at]
    order = np.lexsort((key_rank[record], time, group[record], value))
    value, record, time = value[order], record[order], time[order]
    begins = np.ones(len(value), dtype=bool)
    begins[1:] = (value[1:] != value[:-1]) | (group[record[1:]] != group[record[:-1]])
    ray = np.flatnonzero(~begins)
    begin = np.flatnonzero(begins)[np.cumsum(begins)[ray] - 1]
    return record[begin], record[ray], value[ray], time[begin + 1]


def _before(counts: np.ndarray) -> np.ndarray:
    """How many come before each part of a sequence of parts."""
    return np.cumsum(counts) - counts


def _append(first: _Links, then: _Links) -> _Links:
    names = ("left", "right", "value")
    return _Links(*(np.concatenate([getattr(first, name), getattr(then, name)]) for name in names))


def _one_row_per_record(records: pa.Table) -> pa.Table:
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


def _record_codes(assertions: pa.Table, key: pa.Array) -> np.ndarray:
    column = assertions["record_key"].combine_chunks()
    codes = pc.index_in(column.cast(pa.string()), value_set=key)
    if codes.null_count:
        unknown = pc.unique(column.filter(pc.is_null(codes)))
        raise TableError(
            f"assertions: {codes.null_count} rows name {len(unknown)} records that are not in records, the first "
            f"{unknown[0].as_py()!r}. Give every record that carries an identifier."
        )
    return codes.to_numpy().astype(np.int64)


def _rank(key: pa.Array) -> np.ndarray:
    order = pc.sort_indices(key).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _hex(hashes: np.ndarray) -> pa.Array:
    digits = hashes.tobytes().hex()
    return pa.array([digits[at : at + 32] for at in range(0, len(digits), 32)], pa.string())


def _text(table: pa.Table, column: str) -> pa.Array:
    return table[column].combine_chunks().cast(pa.string())


def _require(table: pa.Table, columns: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise TableError(
            f"{name}: the table lacks {', '.join(missing)}. It has {', '.join(table.column_names) or 'nothing'}."
        )
