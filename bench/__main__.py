"""`make bench`: a retailer's nights and every other benchmark, in processes of their own; one JSON object at the end.

    python -m bench                      at the size of BENCH_PERSONS, 200,000 persons unless set
    python -m bench compare OLD [NEW]    what got slower from one result to another, or to the newest

The result and its chart are kept in `BENCH_OUT`, `.bench` unless set. What is measured belongs to the modules here:
each takes its size as an argument and prints one JSON line.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from bench import charts, comparing

# Module, and how many of its rows, receipts, records, touchpoints or orders belong to a person.
_PARTS = {"files": 0.5, "sources": 0.5, "identity": 1, "stitching": 0.25, "attribution": 10, "customers": 5}
# Fewer records make too few groups to compare.
_LEAST = {"identity": 10_000}
# A smaller company beside the one asked for, by which growth is told.
_SMALLER = 10
_FIGURES = ("seconds", "cpu_seconds", "peak_mb")


def main(arguments: list[str]) -> int:
    """Run everything, or compare two results."""
    if arguments[:1] == ["compare"]:
        return comparing.main(*arguments[1:])
    persons = int(os.environ.get("BENCH_PERSONS", "200000"))
    figures: dict[str, Any] = {"machine": _machine(), "persons": persons}
    sizes = [max(persons // _SMALLER, 50), persons] if persons >= _SMALLER * 50 else [persons]
    runs = [("nights", size) for size in sizes] + [
        (part, max(_LEAST.get(part, 1), int(persons * many))) for part, many in _PARTS.items()
    ]
    for name, size in runs:
        command = [sys.executable, "-m", f"bench.{name}", str(size)]
        outcome = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if outcome.returncode:
            print(f"The benchmark {name} failed; what it printed stands above.", file=sys.stderr)
            return 1
        found = json.loads(outcome.stdout.strip().splitlines()[-1])
        if name == "nights" and size != persons:
            figures["smaller"] = found
        else:
            figures[name] = found
        print(f"{name} {size:,} is measured", flush=True)
    figures["ratios"] = comparing.ratios(figures)
    _write(figures)
    print(table(figures))
    print(json.dumps(figures))
    return 0


def table(figures: dict[str, Any]) -> str:
    """The nights by stage, and every ratio, as text."""
    lines = [f"{'':<34}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}{'written MB':>12}{'rows/s':>12}"]
    nights = figures["nights"]
    for title, night in [("first night", nights["first_night"])] + [
        (f"night, {later['share']:.1%} changed", later) for later in nights["later_nights"]
    ]:
        for name, used in [(title, night), *((f"  {name}", used) for name, used in night["stages"].items())]:
            lines.append(
                f"{name:<34}{used['seconds']:>10,.1f}{used['cpu_seconds']:>10,.1f}{used['peak_mb']:>10,.0f}"
                f"{used['written_mb']:>12,.0f}{used.get('rows_a_second', 0):>12,.0f}"
            )
    lines += ["", f"{'ratio':<48}{'found':>10}{'target':>10}"]
    for name, value in figures["ratios"].items():
        target = comparing.TARGETS.get(name)
        told = "" if target is None else f"{'≥' if comparing.is_more_better(name) else '≤'} {target:g}"
        lines.append(f"{name:<48}{value:>10,.3g}{told:>10}")
    return "\n".join(lines)


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpus": os.cpu_count(), "memory_gib": round(memory / 2**30, 1), "python": platform.python_version(),
        "system": platform.platform(), "load_before": os.getloadavg()[0],
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip


def _write(figures: dict[str, Any]) -> None:
    folder = comparing.results()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"bench-{figures['persons']}"
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")
    (folder / f"{name}.svg").write_text(charts.draw(figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
