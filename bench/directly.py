"""A night, its steps called by a plain function, one after the other: the night without Dagster.

    python -m bench.directly

in the environment of a home that has had its nights. The steps are those of `dagster_project/defs`, in their order; the
release is built and sealed, and not made current, so the next run clears it away.
"""

from __future__ import annotations

import os
from typing import Any

from dagster_project.config import House, silence_telemetry

silence_telemetry()

import expectations  # noqa: E402  (the tools read their switches at import)
import ingestion  # noqa: E402
from dagster_project import (  # noqa: E402
    audiences,
    bookkeeping,
    conversions,
    decided,
    identity_graph,
    idle,
    pages,
    project,
    quality_report,
    quarantine_shares,
    release,
    replay,
    stream_charts,
)
from dagster_project.decisions import Decisions  # noqa: E402
from dagster_project.defs import ingest, quality  # noqa: E402
from dagster_project.night import Night  # noqa: E402
from dagster_project.warehouse import connect  # noqa: E402


def main() -> None:
    """Pull, transform, gate and build a release."""
    house = House.from_environment()
    sources = ingestion.sources()
    manifest = project.manifest(house)
    with Night.open(house) as night:
        quality.record(night, ingest._pull_all(night, sources, house.settings, house.landing))
        ingest._prepare_warehouse(night, sources)
        _build_models(night, manifest)
        with connect(house) as warehouse:
            quarantine_shares.write(warehouse, house, quality.published_loads(house))
        _gate(night)
        with connect(house) as warehouse:
            bookkeeping.write_history(warehouse, night)
            loads = ingestion.Ledger(house.lake).read()
            bookkeeping.write_freshness(warehouse, night.sources, loads)
            rows = release.build(night, warehouse, project.descriptions(house))
            folder = house.published / "releases" / night.run_id
            conversions.write(warehouse, folder)
            audiences.write(warehouse, folder)
            decisions, seeds = Decisions(house.lake), project.folder(house) / "seeds"
            decided.write(warehouse, decisions, night.run_id, night.number, seeds, replay.note(house, loads))
            identity_graph.write(house, warehouse)
        publication = night.publication(decisions.checksums(night.run_id))
        pages.write(night)
        release.seal(night, rows, publication)


def _build_models(night: Night, manifest: dict[str, Any]) -> None:
    house = night.house
    os.environ.update(project.environment(house, with_key=True))
    with connect(house) as warehouse:
        left_alone = idle.nodes(manifest, night.raw_rows, warehouse) | idle.seeds(manifest, warehouse)
    at_a_time = project.at_a_time(house, sum(night.raw_rows.values()))
    built = project.run_dbt(house, *idle.build_arguments(manifest, left_alone), *at_a_time)
    if built.returncode:
        raise SystemExit(built.stdout[-3000:] + built.stderr[-3000:])


def _gate(night: Night) -> None:
    house = night.house
    found = expectations.check_marts(house.warehouse, quality._parameters(house, night))
    seen = quality.Seen.of(house)
    found += expectations.check_marts(house.warehouse, seen.parameters(night), suite=quality.OPS_SUITE)
    quality.record(night, found)
    if refusals := expectations.refused(found):
        raise SystemExit("; ".join(refusals))
    quality_report.write(night)
    with connect(house, read_only=True) as warehouse:
        stream_charts.write(warehouse, seen.unusual, house.quality)


if __name__ == "__main__":
    main()
