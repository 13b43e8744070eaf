"""`make bench`: every benchmark in a process of its own, and one JSON object as the last line.

A benchmark is a module here that takes its size as an argument and prints one JSON line. What is measured belongs
there.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

# Module, and its full size: rows of a file, receipts of a till, records of persons, touchpoints, orders.
_PARTS = {
    "files": 1_000_000,
    "sources": 1_000_000,
    "identity": 2_000_000,
    "attribution": 20_000_000,
    "customers": 10_000_000,
}


def main() -> int:
    """Run all benchmarks at a share of their full size (`BENCH_SHARE`, 1 unless set)."""
    share = float(os.environ.get("BENCH_SHARE", "1"))
    figures: dict[str, object] = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    }
    for name, size in _PARTS.items():
        command = [sys.executable, "-m", f"bench.{name}", str(max(1, int(size * share)))]
        outcome = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if outcome.returncode:
            print(f"The benchmark {name} failed; what it printed stands above.", file=sys.stderr)
            return 1
        line = outcome.stdout.strip().splitlines()[-1]
        print(f"{name}: {line}", flush=True)
        figures[name] = json.loads(line)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
