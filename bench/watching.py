"""A command and everything it starts, watched from outside: CPU seconds, memory and bytes written, moment by moment.

Memory is the proportional share of the whole process tree, so that what children share counts once. Not here: what a
process says of itself (`measuring`), nor which commands are measured.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_EVERY_SECONDS = 0.25
_SHARE = 0.02  # of the time at most goes into looking: what a process of many gigabytes holds takes long to add up


@dataclass(frozen=True)
class Moment:
    """What the tree had used until then; `memory_mb` is what it held right then."""

    time: float
    cpu_seconds: float
    memory_mb: float
    written_mb: float


@dataclass
class Watched:
    """A command that ended, and its moments."""

    exit_code: int
    began: float
    ended: float
    moments: list[Moment] = field(default_factory=list)

    def figures(self, begin: float | None = None, end: float | None = None) -> dict[str, float]:
        """`seconds`, `cpu_seconds`, `peak_mb` and `written_mb` between two moments of `time.time()`."""
        begin, end = begin or self.began, end or self.ended
        within = [moment for moment in self.moments if begin <= moment.time <= end]
        before = [moment for moment in self.moments if moment.time < begin][-1:] or within[:1]
        last = within[-1:] or before
        return {
            "seconds": round(end - begin, 2),
            "cpu_seconds": round(last[0].cpu_seconds - (before[0].cpu_seconds if begin > self.began else 0), 2)
            if last
            else 0.0,
            "peak_mb": round(max((moment.memory_mb for moment in (within or last)), default=0)),
            "written_mb": round(last[0].written_mb - (before[0].written_mb if begin > self.began else 0))
            if last
            else 0,
        }


def watch(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Watched:
    """Run a command to its end, what it prints into a log."""
    with open(log, "w") as sink:
        began = time.time()
        process = subprocess.Popen(command, env=dict(environment), stdout=sink, stderr=subprocess.STDOUT)
        root, moments, written = psutil.Process(process.pid), [], {}
        while process.poll() is None:
            looked = time.perf_counter()
            moment = _moment(root, written)
            if moment:
                moments.append(moment)
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(_EVERY_SECONDS, (time.perf_counter() - looked) / _SHARE))
        return Watched(process.returncode, began, time.time(), moments)


def _moment(root: psutil.Process, written: dict[tuple[int, float], int]) -> Moment | None:
    cpu = memory = 0.0
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    for process in tree:
        try:
            with process.oneshot():
                times = process.cpu_times()
                cpu += times.user + times.system + times.children_user + times.children_system
                memory += process.memory_full_info().pss
                written[process.pid, process.create_time()] = process.io_counters().write_bytes
        except psutil.Error:
            continue
    return Moment(time.time(), cpu, memory / 2**20, sum(written.values()) / 2**20)
