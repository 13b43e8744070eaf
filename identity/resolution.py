"""Who is one person: from records and assertions to groups, links and ids.

Here: the stages in their order (overrides, exact cells, probable pairs, anonymous types), the accepted links and the
tables of the result. Not here: normalising (`values`), the status of values and their cells (`people`), groups within
limits (`careful`), probable pairs (`probable`), overrides (`overrides`), the tree (`tree`), ids (`anchors`).

Every accepted cell is a star at its earliest carrier; a link is one ray of it. Links are ordered by (stage, priority of
the type, time of the cell's second-earliest carrier, hash of type and value, place of the cell, place of the carrier in
it), must-links by their time before them, probable pairs by descending score between the exact and the anonymous stage,
so the spanning tree is unique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity import anchors, tree
from identity.careful import join_anonymous
from identity.exact import Exact, as_hex, before, joined, link_exactly, require, smallest_key, text_column
from identity.overrides import pairs_of
from identity.people import Cells
from identity.probable import DOUBTFUL, PROBABLE_RULE, SURE, merge_pairs, pairs_in_order
from identity.reviews import review_table
from identity.values import SHARED, STATUS_NAMES, Values, micros

SOURCE_RANK = ("shopify", "pos", "zendesk", "events")
MUST_LINK_RULE = "must_link"  # the match rule of a link that a person asked for

# What stands for a value in links without one.
_BY_OVERRIDE, _BY_LIKENESS = -1, -2


@dataclass(frozen=True)
class Resolution:
    """The outcome of `resolve`.

    - `members`, one row per record: `record_key`, `customer_id`, `anchor_record_key`, `match_rule` (`anchor`, or the
      type of the record's tree edge towards its anchor, `must_link` or `probable`), `match_confidence` (float64, the
      smallest on that path: exact 1, must-link 1, probable its score),
      `published_record_id`, `is_anonymous` (of the whole group).
    - `values`, one row per distinct value: `type`, `value` (normalised; as typed when unusable), `carriers` (records),
      `status` (`plain`, `shared`, `blocked`, `hub`, `unusable`), `reason` (null when plain). Plain and shared values
      link, shared ones only within their cells.
    - `links`, one row per accepted link in the order of the spanning tree: `record_key` (the cell's earliest carrier),
      `other_record_key`, `type`, `value`, `value_hash` (32 hexadecimal digits of SHA-256 of type, U+001F, value),
      `confidence` (float64), `in_tree`, `customer_id`. A must-link has the type `must_link`, a probable pair the
      type `probable`; both have no value.
    - `reviews`, one row per thing to decide: `reason` (`shared_value`, `max_values_per_person`, `cannot-link`,
      `overrides_contradict`, `probable`: a doubtful pair, `probable_conflict`: a sure one that broke a limit),
      `left_record` and `right_record` (anchors of two groups; null for a value), `type`, `value`, `value_hash` (of what
      would have linked), `score` (the best of the probable pairs between the two groups, else null).
    - `overrides`, one row per override, newest first: `line`, its columns, `status` (`accepted`, `set aside`, `inert`),
      `reason` (null when accepted).
    - `carriers`, one row per record and value of it: `record_key`, `type`, `value` as in `values`, `links` (whether the
      value may link, so whether what happens to one of its carriers may matter to the others).
    - `components`, one row per record: `record_key`, `component`, the smallest key among the records that linking
      values, overrides and probable pairs join it to, one person or not. No group reaches beyond one.
    """

    members: pa.Table
    values: pa.Table
    links: pa.Table
    reviews: pa.Table
    overrides: pa.Table
    carriers: pa.Table
    components: pa.Table


class Likely(NamedTuple):
    """Probable pairs (`left_record`, `right_record`, `probability`, `is_supported`) and the thresholds for them."""

    pairs: pa.Table | None
    sure: float
    doubtful: float


@dataclass(frozen=True)
class _Links:
    """Accepted links as codes, in their order: two records and the value between them, or what stands for one."""

    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.left)


def resolve(
    records: pa.Table,
    assertions: pa.Table,
    rules: pa.Table,
    blocked: pa.Table,
    births: pa.Table,
    night: int,
    home_key: bytes,
    source_rank: Sequence[str] = SOURCE_RANK,
    overrides: pa.Table | None = None,
    careful: bool = False,
    pairs: pa.Table | None = None,
    sure: float = SURE,
    doubtful: float = DOUBTFUL,
    known: pa.Table | None = None,
    elsewhere: pa.Table | None = None,
) -> Resolution:
    """Group records into people: `link_exactly`, then `resolve_exact`.

    `records`: `record_key`, `source_system`, `record_type`, `source_record_id`, `is_anonymous`, `created_at` (UTC,
    nullable), optionally `default_region` (ISO country of phones without a prefix), `given_name`, `full_name`,
    `family_name`, `birth_date` (a date, or ISO text), `has_personal_id` (publish a keyed hash in place of the record's
    id, whatever it looks like), all nullable. `assertions`: `record_key`, `type`, `value`,
    `first_at` (nullable), optionally `last_at` (null: `first_at`); more columns are ignored. `rules`, `blocked`,
    `overrides`: see `rules`. `births`: `record_key`, `birth_night` of the records ever published; all others are born
    in `night`. `careful`: constrain every component cell by cell; slower, with the same result.

    `pairs`: probable pairs `left_record`, `right_record`, `probability`, as `score_pairs` gives them, and optionally
    `is_supported`, as `supported_pairs` adds it. Those of at least `sure` link after all exact values and before the
    anonymous ones; those of at least `doubtful`, and sure ones that are not supported, are raised for review.

    `known`: `type`, `value` (normalised), `reason` of hubs whose carriers are not all handed in; `elsewhere`: `type`,
    `value` (as typed), `default_region` of their identifiers, which hashes may stand for; see `incremental`.

    A record given twice counts once, its first spelling in the order of all columns. A record without a usable value is
    a group of its own. Raises `RuleError` for wrong rules and for a type without a rule, `TableError` for wrong tables,
    `PairError` for wrong pairs.
    """
    exact = link_exactly(records, assertions, rules, blocked, overrides, careful, known, elsewhere)
    likely = None if pairs is None else Likely(pairs, sure, doubtful)
    return resolve_exact(exact, births, night, home_key, source_rank, likely)


def resolve_exact(
    exact: Exact,
    births: pa.Table,
    night: int,
    home_key: bytes,
    source_rank: Sequence[str] = SOURCE_RANK,
    likely: Likely | None = None,
) -> Resolution:
    """The second half of `resolve`: probable pairs, anonymous values, ids and everything that is told of them."""
    require(births, ("record_key", "birth_night"), "births")
    if not home_key:
        raise ValueError("home_key is empty; ids would be guessable. Give the key of the home.")
    records, key, key_rank, region, values = exact.records, exact.key, exact.key_rank, exact.region, exact.values
    decided, judged = exact.decided, exact.judged
    linking, hashed, hashes = exact.linking, exact.hashed, exact.hashes
    n, limits, hash_place, priority = records.num_rows, exact.limits, exact.hash_place, exact.priority
    is_anonymous = pc.fill_null(records["is_anonymous"].combine_chunks().cast(pa.bool_()), False).to_numpy(
        zero_copy_only=False
    )
    of_anonymous_type = np.array([rule.anonymous for rule in exact.rules], dtype=bool)[values.type_code]
    must = pairs_of(decided.must)
    likely = likely or Likely(None, SURE, DOUBTFUL)
    probable = pairs_in_order(likely.pairs, key, key_rank, likely.sure, likely.doubtful)
    merged = merge_pairs(probable, exact.linked.group, limits, exact.careful)
    anonymous_linking = linking & of_anonymous_type
    group = join_anonymous(values, np.flatnonzero(anonymous_linking), merged.group, is_anonymous, limits)
    by_likeness = np.flatnonzero(merged.accepted)
    links = _append(
        _Links(*must, np.full(len(must[0]), _BY_OVERRIDE), np.ones(len(must[0]))),
        _stars(judged.cells, exact.order, exact.linked.accepted),
        _Links(
            probable.left[by_likeness],
            probable.right[by_likeness],
            np.full(len(by_likeness), _BY_LIKENESS),
            probable.score[by_likeness],
        ),
        _anonymous_stars(values, hashed[of_anonymous_type[hashed]], group, key_rank, priority, hash_place),
    )

    created_at = micros(records["created_at"])
    birth = anchors.births_of(key, births, night)
    rank = anchors.source_ranks(text_column(records, "source_system"), source_rank)
    place = anchors.anchor_order(is_anonymous, birth, created_at, rank, key_rank)
    anchor = anchors.anchors(group, place)
    customer = anchors.customer_ids(key.take(pa.array(anchor)), home_key)

    in_tree = tree.spanning_tree(n, links.left, links.right)
    in_tree_at = np.flatnonzero(in_tree)
    parent, edge = tree.edge_towards(n, anchor, links.left[in_tree], links.right[in_tree])
    rule_names = pa.array([*values.types, MUST_LINK_RULE, PROBABLE_RULE, "anchor"], pa.string())
    type_of_link = len(values.types) - 1 - links.value  # the rules of links without a value stand behind the types
    type_of_link[links.value >= 0] = values.type_code[links.value[links.value >= 0]]
    rule = np.full(n, len(values.types) + 2, dtype=np.int64)
    rule[edge >= 0] = type_of_link[in_tree_at[edge[edge >= 0]]]

    of_group = pa.array(group)
    all_anonymous = np.ones(len(anchor), dtype=bool)
    all_anonymous[group[~is_anonymous]] = False
    kind, source_id = text_column(records, "record_type"), text_column(records, "source_record_id")
    members = pa.table(
        {
            "record_key": key,
            "customer_id": customer.take(of_group),
            "anchor_record_key": key.take(pa.array(anchor[group])),
            "match_rule": rule_names.take(pa.array(rule)),
            "match_confidence": tree.smallest_on_path(parent, edge, links.confidence[in_tree]),
            "published_record_id": anchors.published_record_ids(
                source_id, kind, region, key, home_key, _flag(records, "has_personal_id")
            ),
            "is_anonymous": all_anonymous[group],
        }
    )
    type_names = pa.array(values.types, pa.string())
    value_table = pa.table(
        {
            "type": type_names.take(pa.array(values.type_code)),
            "value": values.text,
            "carriers": values.carriers,
            "status": pa.array(STATUS_NAMES).take(pa.array(judged.status)),
            "reason": judged.reason,
        }
    )
    hash_at = np.zeros(len(values.carriers), dtype=np.int64)
    hash_at[hashed] = np.arange(len(hashed))
    value_hash = as_hex(hashes)
    no_value = links.value < 0
    hash_of_link = np.zeros(len(links), dtype=np.int64)
    hash_of_link[~no_value] = hash_at[links.value[~no_value]]
    link_table = pa.table(
        {
            "record_key": key.take(pa.array(links.left)),
            "other_record_key": key.take(pa.array(links.right)),
            "type": rule_names.take(pa.array(type_of_link)),
            "value": values.text.take(pa.array(links.value, mask=no_value)),
            "value_hash": value_hash.take(pa.array(hash_of_link, mask=no_value)),
            "confidence": links.confidence,
            "in_tree": in_tree,
            "customer_id": customer.take(pa.array(group[links.left])),
        }
    )
    reviews = review_table(
        [*exact.linked.refusals, *merged.refusals],
        np.flatnonzero((judged.status == SHARED) & (values.carriers > 1) & ~of_anonymous_type),
        decided.contradictions,
        anchor[group],
        place,
        key,
        lambda v: (values.types[values.type_code[v]], values.text[v].as_py(), value_hash[int(hash_at[v])].as_py()),
    )
    value_of = np.repeat(np.arange(len(values.carriers)), values.carriers)
    carrier_table = pa.table(
        {
            "record_key": key.take(pa.array(values.record)),
            "type": type_names.take(pa.array(values.type_code[value_of])),
            "value": values.text.take(pa.array(value_of)),
            "links": linking[value_of],
        }
    )
    whole = joined(values, linking, decided, n, (probable.left, probable.right))
    component_table = pa.table({"record_key": key, "component": smallest_key(whole, key, key_rank)})
    return Resolution(members, value_table, link_table, reviews, decided.report, carrier_table, component_table)


def _stars(cells: Cells, order: np.ndarray, accepted: np.ndarray) -> _Links:
    """Each cell, in its order, as rays from its earliest accepted carrier to the others."""
    sizes = np.diff(cells.start)[order]
    cell = np.repeat(np.arange(len(order)), sizes)
    at = np.repeat(cells.start[:-1][order] - before(sizes), sizes) + np.arange(len(cell))
    kept = accepted[at]
    at, cell = at[kept], cell[kept]
    begins = np.ones(len(cell), dtype=bool)
    begins[1:] = cell[1:] != cell[:-1]
    centre = at[begins][np.cumsum(begins) - 1]
    ray = ~begins
    ends = cells.record[centre[ray]], cells.record[at[ray]]
    return _Links(*ends, cells.value[order[cell[ray]]], np.ones(len(ends[0])))


def _anonymous_stars(
    values: Values,
    cells: np.ndarray,
    group: np.ndarray,
    key_rank: np.ndarray,
    priority: np.ndarray,
    hash_place: np.ndarray,
) -> _Links:
    """The carriers of each anonymous value, group by group, as rays in the order of their cells."""
    counts = values.carriers[cells]
    value = np.repeat(cells, counts)
    at = np.repeat(values.start[cells] - before(counts), counts) + np.arange(len(value))
    record, time = values.record[at], values.first_at[at]
    order = np.lexsort((key_rank[record], time, group[record], value))
    value, record, time = value[order], record[order], time[order]
    begins = np.ones(len(value), dtype=bool)
    begins[1:] = (value[1:] != value[:-1]) | (group[record[1:]] != group[record[:-1]])
    ray = np.flatnonzero(~begins)
    begin = np.flatnonzero(begins)[np.cumsum(begins)[ray] - 1]
    second_at = time[begin + 1]
    order = np.lexsort((hash_place[value[ray]], second_at, priority[value[ray]]))
    return _Links(record[begin][order], record[ray][order], value[ray][order], np.ones(len(order)))


def _append(*parts: _Links) -> _Links:
    names = ("left", "right", "value", "confidence")
    return _Links(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _flag(table: pa.Table, column: str) -> pa.Array | None:
    """A column of booleans, its nulls as false; None for a table without it."""
    if column not in table.column_names:
        return None
    return pc.fill_null(table[column].combine_chunks().cast(pa.bool_()), False)
