"""Why two records are one customer, or are not: the graph of a home as one table, and the chain between two records.

Here: the form of GRAPH.parquet, the path in the spanning tree, what stands between two customers, its print. Not here:
which links there are (`resolution`).

GRAPH.parquet has a row for each record, value and link, and for what did not become one; `kind` says which, and columns
that do not apply are null.

| column | record | identifier | link | unlinked | review | override |
|---|---|---|---|---|---|---|
| `record_key` | its key | | the earliest carrier | a carrier | anchor of a group | as decided |
| `other_record_key` | | | the other carrier | | anchor of the other | as decided |
| `published_key` | as it is published | | | | | |
| `customer_id` | its customer | | the customer of both | | | |
| `type` | its `match_rule` | of the value | of the value | of the value | of the value | the action |
| `value` | | normalised | normalised | normalised | normalised | |
| `value_hash` | | | of type and value | | the same | of the dropped value |
| `status` | | why it links or not | | the same | | whether it holds |
| `reason` | | for the status | | the same | what was broken | for the status |
| `carriers` | | records | | | | |
| `confidence` | smallest towards its anchor | | of the link | | score, if probable | |
| `in_tree` | | | whether the spanning tree has it | | | |

`unlinked` is a value that records of several customers carry. The file holds personal data and stays in the home,
beside the warehouse.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from identity.resolution import Resolution

GRAPH_SCHEMA = pa.schema(
    {
        "kind": pa.string(),
        "record_key": pa.string(),
        "other_record_key": pa.string(),
        "published_key": pa.string(),
        "customer_id": pa.string(),
        "type": pa.string(),
        "value": pa.string(),
        "value_hash": pa.string(),
        "status": pa.string(),
        "reason": pa.string(),
        "carriers": pa.int64(),
        "confidence": pa.float64(),
        "in_tree": pa.bool_(),
    }
)


# What an explanation reads of the graph.
EXPLAINING_KINDS = ("record", "link", "unlinked", "review", "override")

# Columns of the resolution that have another name in the graph.
_IN_REVIEWS = {"left_record": "record_key", "right_record": "other_record_key", "score": "confidence"}
_IN_OVERRIDES = {"type": "value_type", "action": "type"}

_WHY_SET_ASIDE = {
    "max_values_per_person": "together they would hold more issued identifiers than one person may",
    "cannot-link": "a decision forbids the two groups to be one",
    "probable_conflict": "the two look alike, but a limit or a decision forbids the link",
}


class UnknownRecordError(LookupError):
    """A record that is not in the graph."""


@dataclass(frozen=True)
class Step:
    """One link of a chain, in walking direction."""

    from_record: str
    to_record: str
    type: str
    value: str | None
    confidence: float
    order: int  # place in the order of trust; the later, the weaker


@dataclass(frozen=True)
class Chain:
    """How two records hang together, or why not.

    `steps` is empty when they are different customers, or one record; `obstacles` says, for two customers, what stands
    between them.
    """

    left: str
    right: str
    left_customer: str
    right_customer: str
    steps: tuple[Step, ...]
    obstacles: tuple[str, ...] = ()

    @property
    def is_one_customer(self) -> bool:
        """Whether both are one customer."""
        return self.left_customer == self.right_customer

    @property
    def weakest(self) -> int | None:
        """The step of the smallest confidence; of equal ones the last in the order of trust."""
        if not self.steps:
            return None
        return min(range(len(self.steps)), key=lambda i: (self.steps[i].confidence, -self.steps[i].order))

    def __str__(self) -> str:
        if not self.is_one_customer:
            lines = [
                f"{self.left} and {self.right} are different customers, {self.left_customer} and "
                f"{self.right_customer}: no chain of accepted links joins them."
            ]
            return "\n".join([*lines, *(f"  - {obstacle}" for obstacle in self.obstacles)])
        if not self.steps:
            return f"{self.left} is one record of customer {self.left_customer}."
        links = f"{len(self.steps)} link{'s' * (len(self.steps) > 1)}"
        lines = [f"{self.left} and {self.right} are one customer, {self.left_customer}, by {links}:", f"  {self.left}"]
        for at, step in enumerate(self.steps):
            mark = "  <- weakest link" if at == self.weakest else ""
            what = f"{step.type} {step.value}" if step.value is not None else step.type
            lines += [f"    | {what} (confidence {step.confidence:.6g}){mark}", f"  {step.to_record}"]
        return "\n".join(lines)


def graph_table(resolution: Resolution, named_by_anchor: bool = False) -> pa.Table:
    """The records, identifiers and links of a resolution, in the form of GRAPH.parquet.

    `named_by_anchor`: customers under their anchors, as `link` names clusters.
    """
    members, values, links = resolution.members, resolution.values, resolution.links
    if named_by_anchor:
        anchor = members["anchor_record_key"]
        of_link = anchor.take(pc.index_in(links["customer_id"], value_set=members["customer_id"].combine_chunks()))
        links = links.set_column(links.column_names.index("customer_id"), "customer_id", of_link)
        members = members.set_column(members.column_names.index("customer_id"), "customer_id", anchor)
    records = pa.table(
        {
            "record_key": members["record_key"],
            "customer_id": members["customer_id"],
            "type": members["match_rule"],
            "confidence": members["match_confidence"],
        }
    )
    reviews, overrides = resolution.reviews, resolution.overrides
    parts = [
        _as_rows("record", records),
        _as_rows("identifier", values),
        _as_rows("link", links),
        _as_rows("unlinked", _unlinked(members, resolution.carriers, values)),
        _as_rows("review", reviews.rename_columns(_named(reviews, _IN_REVIEWS))),
        _as_rows("override", overrides.rename_columns(_named(overrides, _IN_OVERRIDES))),
    ]
    return pa.concat_tables(parts).combine_chunks()


def _unlinked(members: pa.Table, carriers: pa.Table, values: pa.Table) -> pa.Table:
    """The carriers of values that records of several customers carry, with why the values link or not."""
    customers = members.select(["record_key", "customer_id"])
    held = carriers.select(["record_key", "type", "value"]).join(customers, "record_key")
    spread = held.group_by(["type", "value"]).aggregate([("customer_id", "count_distinct")])
    spread = spread.filter(pc.greater(spread["customer_id_count_distinct"], 1)).select(["type", "value"])
    about = spread.join(values.select(["type", "value", "status", "reason"]), ["type", "value"])
    return held.join(about, ["type", "value"], join_type="inner").drop_columns(["customer_id"])


def explain_records(graph: pa.Table, left: str, right: str) -> Chain:
    """The chain between two records, or what stands between them.

    `left` and `right` are record keys, records as they are published (`source/type/id`, or the id alone where no other
    record has it) or customer ids, which stand for their anchors. Raises `UnknownRecordError` for one that the graph
    does not hold.
    """
    records = graph.filter(pc.equal(graph["kind"], "record"))
    left, left_customer = _find_record(records, left)
    right, right_customer = _find_record(records, right)
    if left_customer != right_customer:
        obstacles = tuple(_obstacles(graph, records, left_customer, right_customer))
        return Chain(left, right, left_customer, right_customer, (), obstacles)
    if left == right:
        return Chain(left, right, left_customer, right_customer, ())
    mask = pc.and_(pc.equal(graph["customer_id"], left_customer), pc.fill_null(graph["in_tree"], False))
    neighbours: dict[str, list[Step]] = {}
    for order, row in enumerate(graph.filter(mask).to_pylist()):
        a, b = row["record_key"], row["other_record_key"]
        for one, other in ((a, b), (b, a)):
            step = Step(one, other, row["type"], row["value"], row["confidence"], order)
            neighbours.setdefault(one, []).append(step)
    came_by: dict[str, Step | None] = {left: None}
    queue = deque([left])
    while queue and right not in came_by:
        for step in neighbours.get(queue.popleft(), ()):
            if step.to_record not in came_by:
                came_by[step.to_record] = step
                queue.append(step.to_record)
    if right not in came_by:
        raise UnknownRecordError(
            f"the graph holds no chain between {left} and {right}, though both are {left_customer}. Write it anew."
        )
    steps: list[Step] = []
    last = came_by[right]
    while last is not None:
        steps.append(last)
        last = came_by[last.from_record]
    return Chain(left, right, left_customer, right_customer, tuple(reversed(steps)))


def _find_record(records: pa.Table, name: str) -> tuple[str, str]:
    """A record's key and customer, by whatever name it is known."""
    anchors = pc.and_(pc.equal(records["customer_id"], name), pc.equal(records["type"], "anchor"))
    for mask in (pc.equal(records["record_key"], name), pc.equal(records["published_key"], name), anchors):
        if (found := records.filter(mask)).num_rows:
            return found["record_key"][0].as_py(), found["customer_id"][0].as_py()
    found = records.filter(pc.ends_with(records["published_key"], "/" + name))
    if found.num_rows > 1:
        names = ", ".join(sorted(found["published_key"].to_pylist())[:3])
        raise UnknownRecordError(f"{name} is the id of {found.num_rows} records; write one of them whole: {names}.")
    if found.num_rows == 0:
        raise UnknownRecordError(
            f"{name} is no record of this graph, which holds {records.num_rows} records. Give a record's key, its "
            "source/type/id as published, or a customer id of today."
        )
    return found["record_key"][0].as_py(), found["customer_id"][0].as_py()


def _obstacles(graph: pa.Table, records: pa.Table, left: str, right: str) -> Iterator[str]:
    """What stands between two customers, the decisions of people first."""
    members = records.filter(pc.is_in(records["customer_id"], value_set=pa.array([left, right])))
    customer_of = dict(zip(members["record_key"].to_pylist(), members["customer_id"].to_pylist(), strict=True))
    keys = pa.array(list(customer_of), pa.string())

    def rows(kind: str, *ends: str) -> list[dict[str, Any]]:
        mask = pc.equal(graph["kind"], kind)
        for end in ends:
            mask = pc.and_(mask, pc.is_in(graph[end], value_set=keys))
        return graph.filter(mask).to_pylist()

    def spans(row: dict[str, Any]) -> bool:
        return customer_of[row["record_key"]] != customer_of[row["other_record_key"]]

    for row in filter(spans, rows("override", "record_key", "other_record_key")):
        what = f"{row['type']} {row['record_key']} – {row['other_record_key']}"
        yield f"a person decided {what}" + (f", {row['status']}: {row['reason']}" if row["reason"] else "")
    told = set()
    for row in filter(spans, rows("review", "record_key", "other_record_key")):
        told.add((row["type"], row["value"]))
        if row["reason"] == "probable":
            yield f"the two look alike, but not surely (score {row['confidence']:.6g}); it waits in the review queue"
        elif row["reason"] in _WHY_SET_ASIDE:
            by = f"{row['type']} {row['value']} would join them, but " if row["value"] is not None else ""
            yield f"{by}{_WHY_SET_ASIDE[row['reason']]} ({row['reason']}); it waits in the review queue"
    carried: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in rows("unlinked", "record_key"):
        carried.setdefault((row["type"], row["value"]), {})[customer_of[row["record_key"]]] = row
    common = sorted((value, by[left]) for value, by in carried.items() if len(by) == 2 and value not in told)
    for (kind, value), row in common:
        yield f"both carry {kind} {value}, which joins only some or none of its records: {_why_unlinked(row)}"
    if not common and not told:
        yield "no identifier that one of them carries is carried by the other"


def _why_unlinked(row: dict[str, Any]) -> str:
    if row["status"] == "plain":
        return "it leads to several known people, or a limit forbids the link"
    return f"{row['status']}, {row['reason']}"


def _named(table: pa.Table, other_names: dict[str, str]) -> list[str]:
    return [other_names.get(name, name) for name in table.column_names]


def _as_rows(kind: str, table: pa.Table) -> pa.Table:
    given = {"kind": pa.repeat(kind, table.num_rows), **{c: table[c] for c in table.column_names}}
    columns = [
        given[f.name].cast(f.type) if f.name in given else pa.nulls(table.num_rows, f.type) for f in GRAPH_SCHEMA
    ]
    return pa.table(columns, schema=GRAPH_SCHEMA)
