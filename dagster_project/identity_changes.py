"""What a night does to the ids of the last publication: its numbers, in words, and what the gate on them compares with.

Here: reading `ops.identity_changes` for the run's summary and for a refusal. Not here: the bounds, which stand in
`expectations/suites/ops.yml`; the counting, which is the model's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

_COUNTED = ("born", "merged", "identified", "retired", "split", "revived", "erased")


@dataclass(frozen=True)
class Changes:
    """Counts of ids: known ones, anonymous ones; `moved_by_cause`: known ids retired or split."""

    known_before: int
    known: Mapping[str, int]
    anonymous: Mapping[str, int]
    moved_by_cause: Mapping[str, int]
    moved: int
    moved_unaccounted: int
    moved_by_new_version: int

    def sentence(self) -> str:
        """One line for the summary."""
        known, unknown = self.known, self.anonymous
        text = (
            f"{self.known_before:,} known customers before; {known['born']:,} born, {known['retired']:,} retired "
            f"({known['merged']:,} merged), {known['split']:,} split, {known['revived']:,} revived; "
            f"of devices and cookies {unknown['identified']:,} identified, {unknown['born']:,} born"
        )
        causes = ", ".join(f"{cause} {count:,}" for cause, count in self.moved_by_cause.items() if count)
        return text + (f"; known ids moved by cause: {causes}" if causes else "")

    def refusal(self) -> str:
        """The paragraph for whoever has to act when the gate refuses."""
        share = 100 * self.moved_unaccounted / self.known_before if self.known_before else 0
        if self.moved_by_new_version:
            why = (
                "identity_rules.csv, the normaliser or the model of probable links is another than in the last "
                f"publication, and {self.moved_by_new_version:,} of {self.known_before:,} known customers would get "
                "another id or lose records to another one."
            )
        else:
            why = (
                f"{self.moved_unaccounted:,} of {self.known_before:,} known customers ({share:.2f} %) would get "
                "another id or lose records to another one, with no override, erasure or new version behind it."
            )
        return (
            f"ops.identity_changes: the publication is refused; the last one stays current. {why} In all: "
            f"{self.known['retired']:,} known ids retired, {self.known['split']:,} split, {self.known['merged']:,} "
            "merged. Look at intermediate.int_identity__changes in the warehouse, where each id and its cause stand. "
            "If a load is bad, withdraw it with `make reject LOAD=<id>`; if a value links strangers, block it in "
            "rules/identity_blocked_values.csv; if it is right, run again with ACCEPT_RESTATEMENT=1 (or "
            "--accept-restatement)."
        )

    def bounds(self, accepted: bool) -> dict[str, int]:
        """The suite's parameters: none on a first night, and none where a person accepts what moves."""
        if accepted or not self.known_before:
            return {}
        return {"known_customers_before": self.known_before, "movable_by_new_version": 0}


def read(warehouse: duckdb.DuckDBPyConnection) -> Changes:
    """The counts of a warehouse whose models are built."""
    columns = ("customers_before", *_COUNTED, "moved", "moved_unaccounted", "moved_by_new_version")
    summed = ", ".join(f"{'max' if name == 'customers_before' else 'sum'}({name})::bigint" for name in columns)
    rows = warehouse.execute(
        f"select is_anonymous, {summed} from ops.identity_changes group by is_anonymous"
    ).fetchall()
    found = {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}
    causes = warehouse.execute(
        "select cause, sum(moved)::bigint from ops.identity_changes group by cause order by cause"
    )
    known = found[False]
    return Changes(
        known_before=known["customers_before"],
        known={name: known[name] for name in _COUNTED},
        anonymous={name: found[True][name] for name in _COUNTED},
        moved_by_cause=dict(causes.fetchall()),
        moved=known["moved"],
        moved_unaccounted=known["moved_unaccounted"],
        moved_by_new_version=known["moved_by_new_version"],
    )
