"""The jobs: the night, the warehouse anew, one source by itself; and what may be said to each when it is launched.

The command, the schedule, the sensor and the UI start the same jobs with the same settings, which Dagster checks before
anything runs. Which steps a job has follows from the assets; what a setting does stands with the run (`night`).
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

import dagster as dg
from pydantic import Field, create_model

import ingestion
from dagster_project.config import House
from dagster_project.night import Mode

NIGHTLY, REBUILD, ONE_SOURCE = "nightly", "rebuild", "one_source"
_RUN_ID = r"^(|\d{8}T\d{6}-[0-9a-f]{6})$"
_ACCEPT = "Publish although ids move for new rules, a new model, or many at once"


class NightlyMode(Enum):
    """What a night takes for tonight: the next one, or what there is once more."""

    next = "next"
    again = "again"


class _Any(dg.Config):
    accept_restatement: bool = Field(default=False, description=_ACCEPT)
    verbose: bool = Field(default=False, description="Log what is for debugging, and tracebacks")
    run_id: str = Field(default="", pattern=_RUN_ID, description="Empty: made from the time of the run")


class NightlyConfig(_Any):
    """What may be said to the night."""

    mode: NightlyMode = Field(
        default=NightlyMode.next, description="next: the next night; again: what there is once more, with nothing new"
    )
    retrain: bool = Field(default=False, description="Learn a new model of probable links")


class RebuildConfig(_Any):
    """What may be said to a rebuild."""


class RunConfig(_Any):
    """All that a run may be told, as the resource `night` takes it."""

    mode: Mode = Mode.next
    retrain: bool = False
    only: str = Field(default="", description="The source or landing folder that alone is pulled; empty: all")


def source_names(house: House) -> list[str]:
    """Every source, and every landing folder of those that read files."""
    found = set(ingestion.sources())
    for source in ingestion.sources().values():
        if not source.settings:
            try:
                found |= set(source.folders(house.mapping_dirs))
            except ingestion.IngestionError:
                # A mapping with a mistake keeps runs from starting, and must not keep the graph from being looked at.
                found |= set(source.folders(()))
    return sorted(found)


def build_jobs(house: House) -> list[Any]:
    """The three jobs, each with its own few settings."""
    names = Enum("Source", {name: name for name in source_names(house)})  # type: ignore[misc]
    source = Field(description="The source, or a landing folder of exports")
    one_source = create_model("OneSourceConfig", __base__=_Any, source=(names, source))
    return [
        _job(NIGHTLY, "Pull, gate, transform, gate, publish: the whole night in one process.", NightlyConfig, _nightly),
        _job(
            REBUILD,
            "The warehouse anew from the lake and the decisions; pulls nothing, and publishes through the same gates.",
            RebuildConfig,
            lambda config: {"mode": "rebuild"},
        ),
        _job(
            ONE_SOURCE,
            "Pull one source now, then transform, gate and publish; the other sources stay as they were last.",
            one_source,
            # The demo company's clock stands still: its other systems would miss a night.
            lambda config: {"mode": "again", "only": config["source"]},
        ),
    ]


def _nightly(config: dict[str, Any]) -> dict[str, Any]:
    return {"mode": config["mode"], "retrain": config["retrain"]}


def _job(
    name: str, description: str, settings: type[dg.Config], tell: Callable[[dict[str, Any]], dict[str, Any]]
) -> Any:
    def run_config(config: dict[str, Any]) -> dict[str, Any]:
        settings(**config)
        told = {key: config[key] for key in _Any.model_fields} | tell(config)
        level = "DEBUG" if config["verbose"] else "CRITICAL"
        return {
            "resources": {"night": {"config": told}},
            "loggers": {"console": {"config": {"log_level": level}}},
        }

    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.all(),
        description=description,
        config=dg.ConfigMapping(config_fn=run_config, config_schema=settings.to_config_schema()),
        executor_def=dg.in_process_executor,
    )
