"""A reader in a process of its own, which asks the published file 20 times a second all along.

`python -m tests.torture.reader FILE WAY STOP REPORT`: WAY is `anew` (a connection for each question, as a script has
it) or `held` (one connection kept open over a swap, as a BI tool has it). Each answer names its run and is compared
with that run's manifest: the rows of every table, and a checksum of one table's rows, which has to stay what it first
was. Ends when the file STOP is there, and writes figures to REPORT.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from tests.integration.conftest import PROJECT, Home
from tests.torture.homes import Harmed

PER_SECOND = 20
# A connection that is held is given up for the new publication when so many questions were asked of the old one.
_HELD_ON = 40


class Reader:
    """Asks, compares, counts."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.answers, self.errors = 0, []
        self.runs: dict[str, dict[str, int]] = {}
        self.sums: dict[tuple[str, str], Any] = {}
        self.slowest = 0.0

    def ask(self, connection: duckdb.DuckDBPyConnection) -> str:
        """One question; returns the run that the answer is of. Raises `Harmed` for a mixed state."""
        (run_id,) = connection.execute("select max(run_id) from ops.runs where published").fetchone() or ("",)
        tables = self.runs.get(run_id)
        if tables is None:
            folder = self.file.parent / "releases" / run_id
            tables = self.runs[run_id] = json.loads((folder / "manifest.json").read_text())["tables"]
        counted = " union all ".join(f"select '{name}', count(*) from {name}" for name in tables)
        found = dict(connection.execute(counted).fetchall())
        if found != tables:
            raise Harmed(f"rows of run {run_id}: {found}, its manifest says {tables}")
        table = sorted(tables)[self.answers % len(tables)]
        told = connection.execute(f"select bit_xor(hash(t)) from {table} as t").fetchone()
        if self.sums.setdefault((run_id, table), told) != told:
            raise Harmed(f"{table} of run {run_id} changed while it was published")
        return run_id

    def watch(self, way: str, stop: Path) -> None:
        """Ask until told to stop, or until nobody is left who could tell."""
        parent = os.getppid()
        held: duckdb.DuckDBPyConnection | None = None
        first = asked = 0
        seen = ""
        while not stop.exists() and os.getppid() == parent:
            begun = time.monotonic()
            try:
                if way == "anew":
                    with duckdb.connect(str(self.file), read_only=True) as connection:
                        self.ask(connection)
                else:
                    if held is None:
                        held, asked = duckdb.connect(str(self.file), read_only=True), 0
                        seen = self.ask(held)
                    elif self.ask(held) != seen:
                        raise Harmed(f"a connection held on run {seen} shows another one")
                    moved = (self.file.parent / "current").resolve().name != seen
                    asked += moved
                    if moved and asked > _HELD_ON:
                        held.close()
                        held = None
                self.answers += 1
            except (duckdb.Error, OSError, Harmed) as problem:
                self.errors.append(f"{type(problem).__name__}: {problem}"[:500])
            spent = time.monotonic() - begun
            self.slowest = max(self.slowest, spent)
            time.sleep(max(0.0, 1 / PER_SECOND - spent))
            first += 1

    def report(self) -> dict[str, Any]:
        """What was seen."""
        return {
            "answers": self.answers,
            "errors": len(self.errors),
            "first_errors": self.errors[:3],
            "publications": len(self.runs),
            "slowest_ms": round(self.slowest * 1000),
        }


@contextmanager
def reading(home: Home) -> Iterator[dict[str, Any]]:
    """Two readers of the home's published file while the block runs; their figures are in the dictionary afterwards."""
    stop = home.path.with_name("readers.stop")
    stop.unlink(missing_ok=True)
    readers = {}
    for way in ("anew", "held"):
        report = home.path.with_name(f"reader.{way}.json")
        report.unlink(missing_ok=True)
        arguments = [str(home.published), way, str(stop), str(report)]
        command = [sys.executable, "-m", "tests.torture.reader", *arguments]
        readers[way] = subprocess.Popen(command, cwd=PROJECT), report
    figures: dict[str, Any] = {}
    try:
        yield figures
    finally:
        stop.touch()
        for way, (process, report) in readers.items():
            process.wait(timeout=60)
            figures[way] = json.loads(report.read_text()) if report.exists() else {"errors": -1}
    for way, told in figures.items():
        if told["errors"]:
            raise Harmed(f"the reader that reads {way}: {told}")


def main() -> None:
    """One reader, until it is told to stop."""
    file, way, stop, report = sys.argv[1:]
    reader = Reader(Path(file))
    reader.watch(way, Path(stop))
    Path(report).write_text(json.dumps(reader.report()))


if __name__ == "__main__":
    main()
