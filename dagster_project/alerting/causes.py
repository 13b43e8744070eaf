"""What people are told of a run: its causes, made of ids of sources, steps, tables and checks, and of counts.

Here: which of a run's findings are a cause, and what to do about each. No text that a source, a tool or an error wrote
is taken over: it may quote a row. Not here: how a cause reads in a chat or a mail (`messages`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from dagster_project.night import Night

Kind = Literal["failure", "gate", "source", "quarantine", "anomaly"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TITLES: dict[str, str] = {
    "failure": "the run failed",
    "gate": "a gate refused to publish",
    "source": "a source is stale",
    "quarantine": "too many rows in quarantine",
    "anomaly": "something is unusual",
}
_SHOWN = 5
# Gates whose refusal is told by a cause of its own kind, source by source.
_TOLD_APART = ("ops.quarantine_shares",)


@dataclass(frozen=True)
class Cause:
    """One thing that people should know of. `kind` and `where` tell it from others of the same business day."""

    kind: Kind
    where: str
    what: str
    next_step: str


@dataclass(frozen=True)
class Alert:
    """A cause of a business day, as found by a run."""

    day: str
    run_id: str
    cause: Cause

    @property
    def key(self) -> tuple[str, str, str]:
        """What is told once."""
        return self.day, self.cause.kind, self.cause.where


def of_night(night: Night) -> list[Cause]:
    """The causes of a run that ends now; none when all was published and every source is fresh."""
    gates = [*_refusing_marts(night), *_refusing_tests(night)]
    # What is unusual never refuses a publication, so it explains none.
    explained = [*gates, *(cause for cause in night.told if cause.kind != "anomaly")]
    found = [*_failures(night, bool(explained)), *gates, *_stale(night), *night.told]
    if not night.published and all(cause.kind == "anomaly" for cause in found):
        found.append(_failure("run", "The run ended without a publication and without saying why."))
    return list({(cause.kind, cause.where): cause for cause in reversed(found)}.values())[::-1]


def died(run_id: str, day: str) -> Cause:
    """A run that began and never ended."""
    return Cause(
        "failure",
        f"run {run_id}",
        f"The run for the data to {day} never ended: its process was killed, or the machine went down. The next run "
        "has begun and repeats what was not published.",
        "make verify; and look at the machine's memory, disk and log",
    )


def cut_short(run_id: str) -> Cause:
    """A run that ends now and can keep no record of it."""
    return Cause(
        "failure",
        f"run {run_id}",
        "The run could not come to its end and could not write down why, as on a full disk. Readers have a whole "
        "publication; the next run goes on from there.",
        "see that the home can be written and has room, then make run",
    )


def refused_start() -> Cause:
    """A run that was refused for its settings or rules, before anything was touched."""
    return Cause(
        "failure",
        "start",
        "Settings, rules or mappings have a mistake, so that nothing was run. Readers keep the publication before.",
        "make run; it names the file, the line and what to change",
    )


def _failure(where: str, what: str) -> Cause:
    return Cause("failure", where, what, "make run, once what the run's record says is mended")


def _failures(night: Night, explained: bool) -> list[Cause]:
    kept = "What was published is in the summary." if night.published else "Readers keep the publication before."
    found = []
    for problem in night.problems:
        if problem["kind"] == "step":
            found.append(_failure(problem["where"], f"The step failed. {kept}"))
        elif problem["kind"] == "gate" and not explained:
            found.append(_gate(problem["where"], "The publication was refused."))
    return found


def _gate(where: str, what: str) -> Cause:
    return Cause(
        "gate",
        where,
        f"{what} Readers keep the publication before.",
        "look at quality/index.html; withdraw a bad load with make reject LOAD=<id>, then make run",
    )


def _refusing_marts(night: Night) -> list[Cause]:
    tables: dict[str, list[str]] = {}
    for gate in night.gates:
        table = f"{gate['table_schema']}.{gate['table_name']}"
        if table in _TOLD_APART:
            continue
        if not gate["success"] and gate["severity"] == "block" and not gate["table_schema"].startswith("raw_"):
            tables.setdefault(table, []).append(_counted(gate))
    return [_gate(table, f"Refused by {_listed(checks)}.") for table, checks in tables.items()]


def _refusing_tests(night: Night) -> list[Cause]:
    if not night.failed_tests:
        return []
    tests = [f"{name} ({rows:,} rows)" for name, rows in night.failed_tests.items()]
    return [_gate("tests on the tables", f"Refused by {_listed(tests)}.")]


def _stale(night: Night) -> list[Cause]:
    found = []
    for source, state in sorted(night.sources.items()):
        if state["status"] == "stale":
            refused = state.get("refused_loads", 0)
            why = f"{refused} of its loads were refused by their gate" if refused else "it could not be read"
            found.append(
                Cause(
                    "source",
                    source,
                    f"{why[0].upper()}{why[1:]}; its tables stay at the last good state.",
                    "make run, once it is mended; the reason stands in ops.freshness and in the run's record",
                )
            )
    return found


def _counted(gate: dict[str, Any]) -> str:
    name = f"{gate['expectation']}({gate['column']})" if gate.get("column") else str(gate["expectation"])
    if gate.get("unexpected_count") is not None and gate.get("element_count"):
        name += f" ({gate['unexpected_count']:,} of {gate['element_count']:,} rows)"
    return name


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
