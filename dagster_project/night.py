"""One run: its number, its logical clock, its lock, and the record of what happened, kept as `runs/<run_id>.json`.

Belongs here: what is true of the whole run. What a step does belongs to the step's own module.
"""

from __future__ import annotations

import importlib.metadata
import json
import resource
import secrets
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from dagster_project import alerting, preflight, release, summary, warehouse
from dagster_project.config import ConfigurationError, House
from dagster_project.decisions import Decisions, Publication
from dagster_project.lock import HomeLock

_VERSIONED = ("omnihouse", "dagster", "dbt-core", "dbt-duckdb", "dlt", "duckdb", "great-expectations")


class Mode(Enum):
    """What a run takes for tonight: the next night, what there is once more, or all of it anew from the lake."""

    next = "next"
    again = "again"
    rebuild = "rebuild"


MODES = tuple(mode.value for mode in Mode)


class StepFailed(Exception):
    """A step could not do its work. The text is a paragraph for a person: what, where, what to do next."""


class GateRefused(Exception):
    """A gate found something that must not be published. The text says what and where."""


@dataclass
class StepRecord:
    """One line of the live progress."""

    name: str
    started_at: str
    seconds: float = 0.0
    rows: int | None = None
    detail: str = ""
    status: str = "running"
    error: str | None = None


@dataclass
class Night:
    """Tonight's run. Made by `Night.open`, which holds the home's lock until the end of the `with` block."""

    house: House
    run_id: str
    mode: str
    number: int
    demo_night: int
    as_of: datetime
    is_demo: bool
    verbose: bool = False
    accept_restatement: bool = False
    retrain: bool = False
    only: str = ""
    steps: list[StepRecord] = field(default_factory=list)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    unclaimed_files: list[str] = field(default_factory=list)
    refused_rules: list[dict[str, Any]] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    identity: str = ""
    anomalies: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)
    tests: dict[str, int] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    raw_rows: dict[tuple[str, str], int] = field(default_factory=dict)
    quarantined: int = 0
    published: bool = False
    failed_tests: dict[str, int] = field(default_factory=dict)
    table_tests: list[dict[str, Any]] = field(default_factory=list)
    told: list[alerting.Cause] = field(default_factory=list)
    alerts: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _noted: BaseException | None = None

    @classmethod
    @contextmanager
    def open(
        cls,
        house: House,
        mode: str = "next",
        run_id: str | None = None,
        verbose: bool = False,
        accept_restatement: bool = False,
        retrain: bool = False,
        only: str = "",
    ) -> Iterator[Night]:
        """Take the lock, finish what a crash left half done, and number the night; write the record at the end.

        `only`: the source, or landing folder, that alone is pulled; the others stay as they were.
        Settings and rules are checked first, whoever starts the run.

        Raises `AlreadyRunning` and `ConfigurationError` before anything is changed.
        """
        if mode not in MODES:
            raise ConfigurationError(f"A run's mode is {mode!r}; it has to be one of {', '.join(MODES)}.")
        preflight.check_or_tell(house)
        is_demo = house.is_demo()
        house.settle(is_demo)
        lock = HomeLock(house.home)
        lock.acquire()
        try:
            decisions = Decisions(house.lake)
            release.recover(house, decisions)
            published = decisions.publications()
            demo_night = max((publication.demo_night for publication in published), default=0)
            as_of = house.as_of or datetime.now(UTC).replace(microsecond=0)
            if is_demo:
                from ingestion.demo import Company

                company = Company(house.demo_home, *house.demo_size())
                demo_night = demo_night + 1 if mode == "next" else max(demo_night, company.night, 1)
                as_of = house.as_of or company.as_of(demo_night)
            night = cls(
                house=house,
                run_id=run_id or new_run_id(),
                mode=mode,
                number=max((publication.night for publication in published), default=0) + 1,
                demo_night=demo_night,
                as_of=as_of,
                is_demo=is_demo,
                verbose=verbose,
                accept_restatement=accept_restatement,
                retrain=retrain,
                only=only,
            )
            alerting.begin(night)
            try:
                yield night
            finally:
                with suppress(OSError):
                    warehouse.seal(house)
                night.close()
        finally:
            lock.release()

    def close(self) -> None:
        """Write the record, tell people what they should know, and print the summary."""
        with suppress(OSError):
            self.write()
        self.alerts = alerting.end(self)
        self.write()
        print(summary.closing(self), flush=True)

    @property
    def as_of_date(self) -> date:
        """The last day that is complete in the reporting zone."""
        return self.house.last_day(self.as_of)

    @property
    def exit_code(self) -> int:
        """0 published whole, 1 a step or source failed, 3 a gate refused to publish."""
        if self.published:
            return 1 if self.problems else 0
        return 3 if any(problem["kind"] == "gate" for problem in self.problems) else 1

    @contextmanager
    def step(self, name: str) -> Iterator[StepRecord]:
        """Time one step and print its line when it ends, whatever way it ends."""
        record = StepRecord(name, datetime.now(UTC).isoformat())
        self.steps.append(record)
        begun = time.perf_counter()
        try:
            yield record
        except BaseException as problem:
            record.status, record.error = "failed", self._note(name, problem)
            raise
        finally:
            record.seconds = round(time.perf_counter() - begun, 2)
            if record.status == "running":
                record.status = "done"
            self.announce(record)

    @contextmanager
    def guard(self, where: str) -> Iterator[None]:
        """Note whatever goes wrong between the steps, so that no run ends without a word."""
        try:
            yield
        except Exception as problem:
            if problem is not self._noted:
                self._note(where, problem)
            raise

    def _note(self, where: str, problem: BaseException) -> str:
        self._noted = problem
        text = str(problem)
        if not isinstance(problem, StepFailed | GateRefused):
            text = f"{type(problem).__name__}: {problem}"
            if self.verbose:
                traceback.print_exception(problem)
        self.problem("gate" if isinstance(problem, GateRefused) else "step", where, text)
        return self.without_secrets(text)

    def finished(self, record: StepRecord) -> None:
        """Take in a step that was timed elsewhere."""
        self.steps.append(record)
        self.announce(record)

    def announce(self, record: StepRecord) -> None:
        """Print the progress line of a step."""
        rows = "" if record.rows is None else f"{record.rows:,} rows"
        mark = {"done": " ", "stale": "!", "failed": "✗"}.get(record.status, " ")
        print(f"{mark} {record.name:<28} {rows:>16} {record.seconds:>8.1f} s  {record.detail}".rstrip(), flush=True)

    def problem(self, kind: str, where: str, text: str) -> None:
        """Note what went wrong once, with every secret struck out; kinds are `source`, `step` and `gate`."""
        entry = {"kind": kind, "where": where, "text": self.without_secrets(text)}
        if entry not in self.problems:
            self.problems.append(entry)

    def without_secrets(self, text: str) -> str:
        """Replace every configured credential in a text."""
        for secret in self.house.secrets():
            text = text.replace(secret, "***")
        return text

    def publication(self, decisions: Mapping[str, str]) -> Publication:
        """This run as a publication, stamped now, with the checksums of what it decided."""
        return Publication(
            run_id=self.run_id,
            night=self.number,
            demo_night=self.demo_night,
            as_of=self.as_of.isoformat(),
            published_at=datetime.now(UTC).isoformat(),
            decisions=decisions,
        )

    def record(self) -> dict[str, Any]:
        """Everything known of the run so far, ready for JSON."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak_children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return {
            "run_id": self.run_id,
            "mode": self.mode,
            "night": self.number,
            "demo_night": self.demo_night if self.is_demo else None,
            "as_of": self.as_of.isoformat(),
            "started_at": self.started_at.isoformat(),
            "seconds": round((datetime.now(UTC) - self.started_at).total_seconds(), 2),
            "published": self.published,
            "exit_code": self.exit_code,
            "versions": {name: importlib.metadata.version(name) for name in _VERSIONED},
            "peak_memory_mb": {"process": peak // 1024, "largest_child": peak_children // 1024},
            "sources": self.sources,
            "unclaimed_files": self.unclaimed_files,
            "refused_rules": self.refused_rules,
            "steps": [vars(step) for step in self.steps],
            "tests": self.tests,
            "gates": self.gates,
            "table_tests": self.table_tests,
            "identity": self.identity,
            "anomalies": self.anomalies,
            "accept_restatement": self.accept_restatement,
            "retrain": self.retrain,
            "only": self.only,
            "layers": self.layers,
            "quarantined": self.quarantined,
            "failed_tests": self.failed_tests,
            "alerts": self.alerts,
            "problems": self.problems,
        }

    def record_once_current(self) -> dict[str, Any]:
        """The record as it is for readers of the release that is about to be made current."""
        return {**self.record(), "published": True, "exit_code": 1 if self.problems else 0}

    def foretell(self) -> None:
        """Lay the record by, for `release.recover` to keep where the run dies once its release is current."""
        _lay(self.house.runs / f"{self.run_id}{release.FORETOLD}", self.record_once_current())

    def write(self) -> Path:
        """Write the run's JSON in one rename; what was foretold of it is over."""
        file = self.house.runs / f"{self.run_id}.json"
        _lay(file.with_suffix(".tmp"), self.record()).replace(file)
        file.with_suffix(release.FORETOLD).unlink(missing_ok=True)
        return file


def _lay(file: Path, record: Mapping[str, Any]) -> Path:
    file.write_text(json.dumps(record, indent=1, default=str, ensure_ascii=False) + "\n")
    return file


def new_run_id() -> str:
    """A name for a run that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
