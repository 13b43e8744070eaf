"""Puts the stages together into one graph for one home."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dagster_project.config import House
from dagster_project.defs.ingest import build_ingest, source_systems
from dagster_project.defs.jobs import RunConfig, build_jobs
from dagster_project.defs.publish import build_publish
from dagster_project.defs.quality import build_mart_gates, build_quarantine_shares
from dagster_project.defs.schedules import early_night, nightly_schedule
from dagster_project.defs.transform import build_models
from dagster_project.night import Night
from dagster_project.project import Translator


def build_definitions(house: House) -> dg.Definitions:
    """The graph, its checks, the jobs, the schedule, the sensor, and the night that they share."""
    house.settle_folders()

    @dg.resource(
        description="Tonight's run: lock, number, clock and record.", config_schema=RunConfig.to_config_schema()
    )
    @contextmanager
    def night(context: dg.InitResourceContext) -> Iterator[Night]:
        config = context.resource_config
        with Night.open(
            house,
            config["mode"],
            config["run_id"] or None,
            config["verbose"],
            config["accept_restatement"],
            config["retrain"],
            config["only"],
        ) as tonight:
            _close_dead_runs(context)
            yield tonight

    models = build_models(house, Translator(house))
    gates = build_mart_gates(house)
    return dg.Definitions(
        assets=[
            *source_systems(house),
            build_ingest(house),
            models,
            build_quarantine_shares(house),
            build_publish(house, models),
        ],
        asset_checks=[gates],
        jobs=build_jobs(house),
        schedules=[nightly_schedule(house)],
        sensors=[early_night(house)],
        resources={"night": night},
        executor=dg.in_process_executor,
    )


def _close_dead_runs(context: dg.InitResourceContext) -> None:
    """Mark runs as failed that Dagster still takes for running: whoever holds the home's lock runs alone."""
    instance = context.instance
    if instance is None:
        return
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        if run.run_id != context.run_id:
            instance.report_run_failed(run, "The process of this run is gone; the next run repeated its night.")
