"""What a check says: one result an expectation, and the paragraphs for the person who has to act on a refusal.

Here belongs the shape of a result and how it reads. How it is found out belongs to the runner, how it is shown as a
site to data_docs. Imports nothing heavy, so that whoever stores or reports results does not pay for Great Expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["block", "quarantine", "warn"]
SEVERITIES: tuple[Severity, ...] = ("block", "quarantine", "warn")


@dataclass(frozen=True)
class Result:
    """One expectation held against one table. Holds counts, bounds and positions, never a row's value."""

    suite: str
    table_schema: str
    table_name: str
    expectation: str
    """Short name: Great Expectations' snake-case type."""
    column: str | None
    severity: Severity
    success: bool
    observed: Any
    """A number, flag or date (or a mapping or list of those and of column names); None where there is none."""
    expected: Mapping[str, Any]
    """The expectation's arguments as they were applied, JSON-able."""
    unexpected_count: int | None
    element_count: int | None
    why: str
    error: str | None = None
    """Set when the expectation could not be evaluated; `success` is then False."""
    load_id: str | None = None
    failing_rows: tuple[str, ...] = field(default=())
    """Positions or non-personal keys of the first rows that fail, where the suite names a position column."""

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able copy, from which `Result(**copy)` is the same again."""
        copied = asdict(self)
        copied["expected"] = dict(self.expected)
        copied["failing_rows"] = list(self.failing_rows)
        return copied

    def sentence(self) -> str:
        """What was seen, in one sentence, without the reason."""
        subject = f"{self.expectation}({self.column})" if self.column else self.expectation
        if self.error:
            return f"{subject} could not be evaluated: {self.error}."
        if self.unexpected_count is not None and self.element_count:
            share = 100 * self.unexpected_count / self.element_count
            seen = f"{self.unexpected_count:,} of {self.element_count:,} rows ({share:.2f} %) do not meet it"
        elif self.observed is not None:
            seen = f"observed {self.observed}"
        else:
            seen = "no value observed"
        rows = f"; first at {', '.join(self.failing_rows)}" if self.failing_rows else ""
        wanted = ", ".join(
            f"{name} {value}" for name, value in self.expected.items() if name not in ("column", "query", "condition")
        )
        return f"{subject}: {seen}{rows}" + (f" (wanted: {wanted})." if wanted else ".")


def refuses(result: Result) -> bool:
    """Whether this result alone keeps a load out, or a publication back."""
    return not result.success and result.severity == "block"


def refused(results: Iterable[Result]) -> list[str]:
    """One paragraph for each table that refuses: what, where, what to do next. Empty when nothing is refused."""
    by_table: dict[tuple[str, str, str, str | None], list[Result]] = {}
    for result in results:
        if refuses(result):
            key = (result.suite, result.table_schema, result.table_name, result.load_id)
            by_table.setdefault(key, []).append(result)
    return [_paragraph(*key, failed) for key, failed in by_table.items()]


def _paragraph(suite: str, schema: str, table: str, load_id: str | None, failed: list[Result]) -> str:
    shown = [f"{result.sentence()} {result.why}" for result in failed[:3]]
    more = f" And {len(failed) - 3} more." if len(failed) > 3 else ""
    if schema.startswith("raw_"):
        load = f"the load {load_id}" if load_id else "the load"
        what = f"{schema}.{table}: {load} is refused; the table stays at its last good load."
        todo = (
            "Mend the data at its source and run again: the same span is pulled again. If the data is right and the "
            f"expectation is not, change it in expectations/suites/{suite}.yml."
        )
    else:
        what = f"{schema}.{table}: the publication is refused; the last one stays current."
        todo = (
            f"Look at {schema}.{table} in the warehouse and at the loads of this run (ops.loads); withdraw a bad load "
            f"with `make reject LOAD=<id>`, or change the expectation in expectations/suites/{suite}.yml; run again."
        )
    return f"{what} {' '.join(shown)}{more} {todo}"
