"""What a measured process says of itself: wall and CPU seconds since a moment, and the most memory it ever had.

Not here: what is measured, nor the time of whole processes. It imports nothing that would count as memory.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time


def rounds() -> int:
    """How often what is short is measured."""
    return int(os.environ.get("BENCH_ROUNDS", "3"))


def clock() -> tuple[float, float]:
    """Now, in wall and in CPU seconds of this process."""
    return time.perf_counter(), time.process_time()


def since(before: tuple[float, float]) -> dict[str, float]:
    """`seconds` and `cpu_seconds` that went by since `clock()` gave `before`."""
    wall, cpu = (end - begin for begin, end in zip(before, clock(), strict=True))
    return {"seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}


def peak_mb() -> int:
    """The largest resident size that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def said_by(module: str, step: str, *arguments: object) -> str:
    """What a step of a benchmark prints, in a process of its own."""
    command = [sys.executable, "-m", module, step, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
