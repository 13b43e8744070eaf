"""`make bench`: a retailer's nights and every other benchmark, in processes of their own; one JSON object at the end.

    python -m bench                      at the size of BENCH_PERSONS, 200,000 persons unless set
    python -m bench compare OLD [NEW]    what got slower from one result to another, or to the newest

The result and its chart are kept in `BENCH_OUT`, `.bench` unless set, as far as they are measured, so that a bench of
hours that breaks off has not measured for nothing. `BENCH_PARTS` names parts to measure now (such as nights,identity);
the others are those of the result that is there. What is measured belongs to the modules here: each takes its size as
an argument and prints one JSON line, of which a ratio has both sides.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
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
    parts = {"smaller": ("nights", persons // _SMALLER)} if persons >= _SMALLER * 50 else {}
    parts["nights"] = ("nights", persons)
    parts |= {name: (name, max(_LEAST.get(name, 1), int(persons * many))) for name, many in _PARTS.items()}
    asked = [name.strip() for name in os.environ.get("BENCH_PARTS", "").split(",") if name.strip()]
    if unknown := set(asked) - parts.keys():
        print(f"BENCH_PARTS names {', '.join(sorted(unknown))}; there are {', '.join(parts)}.", file=sys.stderr)
        return 2
    kept = _kept(persons, "json")
    figures: dict[str, Any] = json.loads(kept.read_text()) if asked and kept.exists() else {}
    figures |= {"machine": _machine(), "persons": persons}
    for name in asked or parts:
        module, size = parts[name]
        command = [sys.executable, "-m", f"bench.{module}", str(size)]
        outcome = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if outcome.returncode:
            print(f"The benchmark {name} failed; what it printed stands above.", file=sys.stderr)
            return 1
        figures[name] = json.loads(outcome.stdout.strip().splitlines()[-1])
        figures["ratios"] = comparing.ratios(figures)
        _keep(figures)
        print(f"{name} {size:,} is measured", flush=True)
    print(table(figures))
    print(json.dumps(figures))
    return 0


def table(figures: dict[str, Any]) -> str:
    """The nights by stage, and every ratio, as text."""
    lines = [f"{'':<34}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}{'written MB':>12}{'rows/s':>12}"]
    titled = []
    if nights := figures.get("nights"):
        titled = [("first night", nights["first_night"])]
        titled += [(f"night, {later['share']:.1%} changed", later) for later in nights["later_nights"]]
    for title, night in titled:
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


def _kept(persons: int, kind: str) -> Path:
    return comparing.results() / f"bench-{persons}.{kind}"


def _keep(figures: dict[str, Any]) -> None:
    result = _kept(figures["persons"], "json")
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(figures, indent=1) + "\n")
    if "nights" in figures:
        _kept(figures["persons"], "svg").write_text(charts.draw(figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
