"""What a retailer's nights cost, the first one and later ones, stage by stage beside yardsticks of the same run.

    python -m bench.nights PERSONS

prints one JSON object. The home lies in a folder of its own in `OMNIHOUSE_BENCH_HOME`, else among temporary files, and
is removed at the end. `BENCH_CHANGED` lists the shares of all records that later nights bring, 0.01
unless set; 0 is a night with nothing new. A night runs as `make run` runs it, and is watched from outside with all of
its children. Not here: the yardsticks (`yardsticks`), nor the company (`retailer`).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench import yardsticks
from bench.measuring import clock, since
from bench.retailer import Retailer
from bench.watching import Watched, watch

PROJECT = Path(__file__).parents[1]
STAGES = ("raw views", "transform (dbt)", "gate (marts)", "data docs", "publish")
# What depends on everybody, however few changed: bins of RFM, weights of attribution, fits of repeat buying.
GLOBAL = (
    *("int_customers__rfm_values", "int_customers__rfm_scales", "int_customers__gap_medians"),
    *("int_attribution__path_counts", "int_attribution__weights", "attribution_channel_weights", "channel_roi"),
    *("int_customers__purchase_days", "int_customers__value_histories", "int_customers__value_holdout"),
    "int_customers__value_fits",
)
_SHOWN = 25  # models by their seconds, and by memory


def measure(persons: int, shares: list[float], folder: Path) -> dict[str, Any]:
    """A first night, its yardsticks, and the nights after it; the last of them once more without Dagster."""
    retailer = Retailer(folder / "home", persons)
    before = clock()
    found: dict[str, Any] = {"persons": persons, "records": retailer.advance(1), "making": since(before)}
    first = found["first_night"] = run_night(retailer, 1)
    files = sum(path.stat().st_size for path in (retailer.home / "landing").rglob("*.*"))
    found["landing_mb"] = round(files / 2**20, 1)
    found["tables"] = _tables(retailer.home)
    found["beside"] = _beside(retailer.home, folder, first)
    found["later_nights"] = []
    for number, share in enumerate(shares, 2):
        new = retailer.advance(number, share) if share else {}
        night = run_night(retailer, number)
        fixed = night["start_up_seconds"] + night["stages"]["publish"]["seconds"] + night["models"]["global_seconds"]
        # Of the first night everything counts, so that the smaller of the two is not flattered.
        night |= {
            "share": share, "records": new, "counted_apart_seconds": round(fixed, 2),
            "ratio_of_all": round(night["seconds"] / first["seconds"], 3),
            "cpu_ratio_of_all": round(night["cpu_seconds"] / first["cpu_seconds"], 3),
            "ratio": round((night["seconds"] - fixed) / first["seconds"], 3),
        }  # fmt: skip
        found["later_nights"].append(night)
    # As much that is new as the last night had, so that the two have the same to do.
    last, number = found["later_nights"][-1], 2 + len(shares)
    if shares[-1]:
        retailer.advance(number, shares[-1])
    directly = _watched(retailer, number, [sys.executable, "-m", "bench.directly"], "directly").figures()
    found["orchestration"] = {
        "directly": directly,
        "ratio": round(last["seconds"] / directly["seconds"], 2),
        "cpu_ratio": round(last["cpu_seconds"] / max(directly["cpu_seconds"], 0.01), 2),
    }
    return found


def run_night(retailer: Retailer, number: int) -> dict[str, Any]:
    """A run from its start to its end, with what each stage of it used."""
    command = [sys.executable, "-m", "dagster_project", "run"]
    watched = _watched(retailer, number, command, f"night-{number}")
    record = json.loads(max((retailer.home / "runs").glob("*.json")).read_text())
    windows = {step["name"]: _window(step) for step in record["steps"]}
    pulls = [window for name, window in windows.items() if name.startswith("pull ")]
    stages = {"lake": (min(begin for begin, _ in pulls), max(end for _, end in pulls))} if pulls else {}
    stages |= {name: windows[name] for name in STAGES if name in windows}
    inside = sum(end - begin for begin, end in stages.values())
    rows = {
        "lake": sum(step["rows"] or 0 for step in record["steps"] if step["name"].startswith("pull ")),
        "transform (dbt)": sum(record["layers"].get(layer, 0) for layer in ("staging", "intermediate", "marts")),
        "publish": next((step["rows"] for step in record["steps"] if step["name"] == "publish"), 0),
    }
    found = {name: watched.figures(*window) for name, window in stages.items()}
    for name, count in rows.items():
        if name in found:
            found[name] |= {"rows": count, "rows_a_second": round(count / max(found[name]["seconds"], 0.01))}
    whole = watched.figures()
    return {
        **whole,
        "start_up_seconds": round(whole["seconds"] - inside, 2),
        "stages": found,
        "models": _models(retailer.home, found["transform (dbt)"]["seconds"], watched),
    }


def _watched(retailer: Retailer, night: int, command: list[str], name: str) -> Watched:
    log = retailer.home.with_name(f"{name}.log")
    environment = {**os.environ, **retailer.settings(night)}
    watched = watch(command, environment, log)
    if watched.exit_code:
        raise SystemExit(f"{' '.join(command)} ended with {watched.exit_code}:\n{log.read_text()[-3000:]}")
    return watched


def _window(step: dict[str, Any]) -> tuple[float, float]:
    begin = datetime.fromisoformat(step["started_at"]).timestamp()
    return begin, begin + step["seconds"]


def _models(home: Path, stage_seconds: float, watched: Watched) -> dict[str, Any]:
    """What dbt says of its nodes: two at a time, so their seconds are scaled to the time that they took together.

    `most_memory_mb`: what all processes of the run held at most while a node was worked on.
    """
    results = json.loads((home / "dbt" / "target" / "run_results.json").read_text())["results"]
    timed = {result["unique_id"]: result["execution_time"] for result in results}
    moments = [moment for result in results for timing in result["timing"] for moment in _span(timing)]
    together = max(moments) - min(moments)
    held = {result["unique_id"]: _peak_mb(result, watched) for result in results}
    scale = together / max(sum(timed.values()), 0.01)
    tests = sum(seconds for name, seconds in timed.items() if name.startswith("test."))
    models = {name.rsplit(".", 1)[-1]: seconds for name, seconds in timed.items() if not name.startswith("test.")}
    covered = _upstream(home, yardsticks.COVERED)
    return {
        "together_seconds": round(together, 2),
        "dbt_start_seconds": round(stage_seconds - together, 2),
        "tests_seconds": round(scale * tests, 2),
        "global_seconds": round(scale * sum(models.get(name, 0) for name in GLOBAL), 2),
        "covered_by_hand_seconds": round(scale * sum(models.get(name, 0) for name in covered), 2),
        "identity_seconds": round(
            scale * sum(seconds for name, seconds in models.items() if name.startswith("int_identity")), 2
        ),
        "slowest": {
            name: round(scale * seconds, 2)
            for name, seconds in sorted(models.items(), key=lambda item: -item[1])[:_SHOWN]
        },
        "most_memory_mb": {
            name.split(".", 2)[-1]: peak for name, peak in sorted(held.items(), key=lambda item: -item[1])[:_SHOWN]
        },
    }


def _peak_mb(result: dict[str, Any], watched: Watched) -> float:
    spans = [_span(timing) for timing in result["timing"] if timing["name"] == "execute"]
    return max((watched.figures(*span)["peak_mb"] for span in spans), default=0)


def _span(timing: dict[str, str]) -> tuple[float, float]:
    begin, end = (
        datetime.fromisoformat(timing[edge].replace("Z", "+00:00")).timestamp()
        for edge in ("started_at", "completed_at")
    )
    return begin, end


def _upstream(home: Path, names: tuple[str, ...]) -> set[str]:
    """These models and all that they are made of, but for the stitching of records, which is measured apart."""
    nodes = json.loads((home / "dbt" / "target" / "manifest.json").read_text())["nodes"]
    by_name = {node["name"]: name for name, node in nodes.items() if node["resource_type"] == "model"}
    waiting, found = [by_name[name] for name in names], set()
    while waiting:
        unique_id = waiting.pop()
        name = nodes[unique_id]["name"] if unique_id in nodes else ""
        if name and name not in found and not name.startswith("int_identity"):
            found.add(name)
            waiting += nodes[unique_id]["depends_on"].get("nodes", [])
    return found


def _tables(home: Path) -> dict[str, int]:
    import duckdb

    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        return {
            name: warehouse.execute(f"select count(*) from marts.{name}").fetchall()[0][0]
            for name in ("customers", "customer_identities", "orders", "order_lines", "touchpoints")
        }


def _beside(home: Path, folder: Path, night: dict[str, Any]) -> dict[str, Any]:
    """Each stage of the first night over its yardstick: medians, with the least and the most."""
    runs = yardsticks.measure(home, folder / "beside", *yardsticks.STEPS)
    middle = {name: median(run["seconds"] for run in found) for name, found in runs.items()}
    spread = {
        name: [min(run["seconds"] for run in found), middle[name], max(run["seconds"] for run in found)]
        for name, found in runs.items()
    }
    gates = night["stages"]["gate (marts)"]["seconds"] + night["stages"]["data docs"]["seconds"]
    gates += middle["gate_loads"] + night["models"]["tests_seconds"]
    published, parquet = home / "published" / "omnihouse.duckdb", home / "published" / "parquet"
    size = sum(path.stat().st_size for path in parquet.resolve().rglob("*.parquet"))

    def over(ours: float, theirs: float) -> float:
        return round(ours / max(theirs, 0.01), 2)

    pairs = zip(runs["land_exports"], runs["read_exports"], strict=False)
    return {
        "seconds_least_median_most": spread,
        "cpu_seconds": {name: median(run["cpu_seconds"] for run in found) for name, found in runs.items()},
        "peak_mb": {name: max(run["peak_mb"] for run in found) for name, found in runs.items()},
        "ratios": {
            "lake_to_read": round(median(over(ours["seconds"], theirs["seconds"]) for ours, theirs in pairs), 2),
            "models_to_hand": over(night["models"]["covered_by_hand_seconds"], middle["by_hand"]),
            "gates_to_scan": over(gates, middle["scan_gated"]),
            "gates_share_of_night": round(gates / night["seconds"], 3),
            "publish_to_copy": over(night["stages"]["publish"]["seconds"], middle["copy_database"]),
            "published_to_parquet": over(published.stat().st_size, size),
        },
        "gates_seconds": round(gates, 2),
        "published_mb": round(published.stat().st_size / 2**20, 1),
        "parquet_mb": round(size / 2**20, 1),
    }


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder of this run's own, never in the checkout unless somebody names it."""
    base = os.environ.get("OMNIHOUSE_BENCH_HOME")
    if base:
        Path(base).mkdir(parents=True, exist_ok=True)
    name = Path(tempfile.mkdtemp(prefix="omnihouse-bench-", dir=base or None))
    try:
        yield name
    finally:
        shutil.rmtree(name, ignore_errors=True)


def main(arguments: list[str]) -> None:
    """Print the figures of a company of so many persons."""
    shares = [float(text) for text in os.environ.get("BENCH_CHANGED", "0.01").split(",") if text.strip()]
    with workplace() as folder:
        print(json.dumps(measure(int(arguments[0]), shares, folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
