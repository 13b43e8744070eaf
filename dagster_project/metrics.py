"""MetricFlow on what is published: the folder that it asks for, and its own command, which then calls nobody.

Here: where its answers come from. Not here: what a metric is; that stands with the models.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dagster_project import project
from dagster_project.config import ConfigurationError, House

_SEMANTICS = "semantic_manifest.json"


def lay_out(house: House) -> Path:
    """Write the folder of a dbt project that knows the metrics of the last run and reads the published file only.

    In it the published file goes by the name of the warehouse, which is what the metrics were defined over.
    """
    published, semantics = house.published / "omnihouse.duckdb", project.target(house) / _SEMANTICS
    for needed in (published, semantics):
        if not needed.exists():
            raise ConfigurationError(f"{needed} is not there yet: nothing to ask. Publish a night with make run.")
    place = house.dbt_work / "metrics"
    (place / "target").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(semantics, place / "target" / _SEMANTICS)
    profile = {
        "type": "duckdb",
        "path": ":memory:",
        "threads": 1,
        "attach": [{"path": str(published), "alias": house.warehouse.stem, "read_only": True}],
        "config_options": {"memory_limit": house.memory_limit},
        "settings": {"TimeZone": "UTC"},
    }
    written: dict[str, dict[str, Any]] = {
        "dbt_project.yml": {"name": "omnihouse", "version": "1.0.0", "profile": "omnihouse"},
        "profiles.yml": {"omnihouse": {"target": "published", "outputs": {"published": profile}}},
    }
    for name, content in written.items():
        (place / name).write_text(yaml.safe_dump(content))
    return place


def ask(house: House, arguments: Sequence[str]) -> int:
    """Run MetricFlow's command with these arguments on the published file; returns its exit code."""
    place = lay_out(house)
    os.environ.update(
        DBT_PROJECT_DIR=str(place), DBT_PROFILES_DIR=str(place), DBT_LOG_PATH=str(house.dbt_work / "logs")
    )
    # The command looks for the manifest of its project, wherever dbt itself was told to write.
    os.environ.pop("DBT_TARGET_PATH", None)
    from dbt_metricflow.cli import main as command

    vars(command)["UpdateChecker"] = _NoUpdates
    try:
        command.cli(list(arguments), prog_name="metrics")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


class _NoUpdates:
    """Stands for the check for newer versions, which would ask the package registry each time."""

    def check(self, *_: object) -> None:
        """Find none."""
