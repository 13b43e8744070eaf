"""The ratios of a result of `make bench`, what they are meant to be, and what got slower from one result to another.

Ratios of one run only, for seconds of two machines, or of two days, say nothing of each other.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

SLOWER = 1.1
TARGETS = {
    "lake_to_read": 2.0,
    "clustering_to_scipy": 1.3,
    "clustering_faster_than_splink": 4.0,
    "stitching_to_splink": 1.0,
    "models_to_hand": 2.5,
    "gates_share_of_night": 0.15,
    "publish_to_copy": 2.0,
    "published_to_parquet": 1.5,
    "night_of_1_percent": 0.1,
    "growth_of_ten_times": 11.0,
}


def is_more_better(name: str) -> bool:
    """Whether a larger figure is the better one."""
    return "faster" in name or "f1" in name


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """Every ratio of a result by its name, of the parts that are measured."""
    found: dict[str, float] = {}
    if "identity" in figures:
        cluster = figures["identity"]["cluster"]
        found["clustering_to_scipy"] = cluster["ratio_to_scipy"]
        found["clustering_faster_than_splink"] = cluster["times_faster_than_splink"]
    if "stitching" in figures:
        found["stitching_to_splink"] = figures["stitching"]["ratio"]
        found["stitching_f1_over_splink"] = figures["stitching"]["f1_over_splink"]
    if "sources" in figures:
        found["pull_of_tills_to_fetch"] = figures["sources"]["pos"]["sqlite"]["ratio"]
    return found | _of_nights(figures["nights"], figures.get("smaller")) if "nights" in figures else found


def _of_nights(nights: dict[str, Any], smaller: dict[str, Any] | None) -> dict[str, float]:
    found = {**nights["beside"]["ratios"], "night_with_dagster_to_without": nights["orchestration"]["ratio"]}
    for later in nights["later_nights"]:
        found[f"night_of_{later['share'] * 100:g}_percent"] = later["ratio"]
        found[f"whole_night_of_{later['share'] * 100:g}_percent"] = later["ratio_of_all"]
    if smaller:
        times = nights["persons"] / smaller["persons"]
        # To ten times the size: what starts up whatever the size is in both.
        grown = nights["first_night"]["seconds"] / smaller["first_night"]["seconds"]
        found["growth_of_ten_times"] = round(grown * 10 / times, 2)
        found["growth_of_ten_times_cpu"] = round(
            nights["first_night"]["cpu_seconds"] / smaller["first_night"]["cpu_seconds"] * 10 / times, 2
        )
    return found


def slower(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A line for each ratio that is more than a tenth worse, the worst first."""
    found = []
    for name, value in new["ratios"].items():
        before = old["ratios"].get(name)
        if not before or not value:
            continue
        worse = before / value if is_more_better(name) else value / before
        if worse > SLOWER:
            found.append((worse, f"{name}: {before:g} before, {value:g} now, {worse - 1:.0%} worse"))
    return [line for _, line in sorted(found, reverse=True)]


def results() -> Path:
    """Where results are kept."""
    return Path(os.environ.get("BENCH_OUT") or Path(__file__).parents[1] / ".bench")


def main(old: str, new: str = "") -> int:
    """Print what got slower, in the newest result unless one is named; 1 where something did, 2 for no comparison."""
    new = new or str(max(results().glob("*.json"), key=lambda file: file.stat().st_mtime, default=""))
    if not (old and new):
        print("Name a result of `make bench` to compare with, such as BASE=before.json, and have a newer one.")
        return 2
    before, now = (json.loads(Path(file).read_text()) for file in (old, new))
    if before["persons"] != now["persons"]:
        print(f"{old} is of {before['persons']:,} persons and {new} of {now['persons']:,}: run them at one size.")
        return 2
    lines = slower(before, now)
    for line in lines:
        print(line)
    compared = len(now["ratios"].keys() & before["ratios"].keys())
    print(f"{len(lines)} of {compared} ratios are more than {SLOWER - 1:.0%} worse")
    return 1 if lines else 0
