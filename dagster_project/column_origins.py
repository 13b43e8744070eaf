"""Where each column of a table comes from, as a table that the UI shows: its parents, and the raw columns behind them.

The open Dagster UI keeps column lineage as data and draws none of it. How lineage is read is said in `lineage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagster_project.lineage import Leaf, Lineage

_SHOWN = 12
Tables = Mapping[tuple[str, str], Lineage]


class Origins:
    """Follows columns back to the raw tables; every column is followed once."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._known: dict[Leaf, frozenset[Leaf]] = {}

    def raw(self, leaf: Leaf) -> frozenset[Leaf]:
        """The raw and seeded columns that a column is made from; itself where it is one."""
        if leaf not in self._known:
            self._known[leaf] = frozenset()  # a model may read itself as it was last night
            schema, table, column = leaf
            parents = self._tables.get((schema, table), {}).get(column, ())
            behind = frozenset().union(*(self.raw((place, name, part)) for place, name, part in parents))
            self._known[leaf] = frozenset([leaf]) if schema.startswith("raw_") or schema == "seeds" else behind
        return self._known[leaf]

    def markdown(self, schema: str, table: str) -> str:
        """A line for each column of a table."""
        lines = ["| column | made from | raw columns behind it, or how many of a table |", "|---|---|---|"]
        for column, parents in self._tables[schema, table].items():
            made = sorted({".".join(leaf) for leaf in parents})
            lines.append(f"| {column} | {_listed(made)} | {_listed(_by_table(self.raw((schema, table, column))))} |")
        return "\n".join(lines)


def _by_table(leaves: Iterable[Leaf]) -> list[str]:
    """The raw columns by name, and of a table that gives several only how many."""
    columns: dict[str, list[str]] = {}
    for schema, table, column in sorted(leaves):
        columns.setdefault(f"{schema}.{table}", []).append(column)
    return [f"{table}.{names[0]}" if len(names) == 1 else f"{table} ({len(names)})" for table, names in columns.items()]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more or "–"
