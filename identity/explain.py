"""Why two records are one customer: the graph of a home as one table, and the chain between two records in it.

Here: the form of GRAPH.parquet, the path in the spanning tree, its print. Not here: which links there are
(`resolution`).

GRAPH.parquet has a row for each record, value and link; `kind` says which, and columns that do not apply are null.

| column | record | identifier | link |
|---|---|---|---|
| `record_key` | its key | | the earliest carrier |
| `other_record_key` | | | the other carrier |
| `customer_id` | its customer | | the customer of both |
| `type` | its `match_rule` | the identifier's | the identifier's |
| `value` | | normalised | normalised |
| `value_hash` | | | of type and value |
| `status`, `reason`, `carriers` | | why it links or not, on how many records | |
| `confidence` | smallest towards its anchor | | of the link |
| `in_tree` | | | whether the spanning tree has it |

The file holds personal data and stays in the home, beside the warehouse.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from identity.resolution import Resolution

GRAPH_SCHEMA = pa.schema(
    {
        "kind": pa.string(),
        "record_key": pa.string(),
        "other_record_key": pa.string(),
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
    """How two records hang together; `steps` is empty when they are different customers, or one record."""

    left: str
    right: str
    left_customer: str
    right_customer: str
    steps: tuple[Step, ...]

    @property
    def weakest(self) -> int | None:
        """The step of the smallest confidence; of equal ones the last in the order of trust."""
        if not self.steps:
            return None
        return min(range(len(self.steps)), key=lambda i: (self.steps[i].confidence, -self.steps[i].order))

    def __str__(self) -> str:
        if self.left_customer != self.right_customer:
            return (
                f"{self.left} and {self.right} are different customers, {self.left_customer} and "
                f"{self.right_customer}: no accepted link joins them."
            )
        if not self.steps:
            return f"{self.left} is one record of customer {self.left_customer}."
        links = f"{len(self.steps)} link{'s' * (len(self.steps) > 1)}"
        lines = [f"{self.left} and {self.right} are one customer, {self.left_customer}, by {links}:", f"  {self.left}"]
        for at, step in enumerate(self.steps):
            mark = "  <- weakest link" if at == self.weakest else ""
            what = f"{step.type} {step.value}" if step.value is not None else step.type
            lines += [f"    | {what} (confidence {step.confidence:.6g}){mark}", f"  {step.to_record}"]
        return "\n".join(lines)


def graph_table(resolution: Resolution) -> pa.Table:
    """The records, identifiers and links of a resolution, in the form of GRAPH.parquet."""
    members, values, links = resolution.members, resolution.values, resolution.links
    records = pa.table(
        {
            "record_key": members["record_key"],
            "customer_id": members["customer_id"],
            "type": members["match_rule"],
            "confidence": members["match_confidence"],
        }
    )
    parts = [_as_rows("record", records), _as_rows("identifier", values), _as_rows("link", links)]
    return pa.concat_tables(parts).combine_chunks()


def explain_records(graph: pa.Table, left: str, right: str) -> Chain:
    """The chain between two records; raises `UnknownRecordError` for a record that the graph does not hold."""
    records = graph.filter(pc.equal(graph["kind"], "record"))
    customers: list[str] = []
    for key in (left, right):
        found = records.filter(pc.equal(records["record_key"], key))
        if found.num_rows == 0:
            raise UnknownRecordError(f"{key} is no record of this graph, which holds {records.num_rows} records.")
        customers.append(found["customer_id"][0].as_py())
    if customers[0] != customers[1] or left == right:
        return Chain(left, right, customers[0], customers[1], ())
    mask = pc.and_(pc.equal(graph["customer_id"], customers[0]), pc.fill_null(graph["in_tree"], False))
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
            f"the graph holds no chain between {left} and {right}, though both are {customers[0]}. Write it anew."
        )
    steps: list[Step] = []
    last = came_by[right]
    while last is not None:
        steps.append(last)
        last = came_by[last.from_record]
    return Chain(left, right, customers[0], customers[1], tuple(reversed(steps)))


def _as_rows(kind: str, table: pa.Table) -> pa.Table:
    given = {"kind": pa.repeat(kind, table.num_rows), **{c: table[c] for c in table.column_names}}
    columns = [
        given[f.name].cast(f.type) if f.name in given else pa.nulls(table.num_rows, f.type) for f in GRAPH_SCHEMA
    ]
    return pa.table(columns, schema=GRAPH_SCHEMA)
