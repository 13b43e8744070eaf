"""The dbt project as Dagster sees it: its manifest, its environment, and how its nodes become assets.

The manifest is parsed again when a file of the project, or the set of seeds, changed; never at each start.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject

from dagster_project.config import PROJECT, ConfigurationError, House
from dagster_project.decisions import Decisions
from dagster_project.keys import asset_key
from dagster_project.warehouse import assemble_seeds

OWNER = "team:data"
DBT = PROJECT / "dbt"
EXECUTABLE = Path(sys.executable).parent / "omnihouse-dbt"


def environment(house: House, with_key: bool = False) -> dict[str, str]:
    """The variables that the dbt project reads; the home's key only for a run that computes ids."""
    variables = {
        "OMNIHOUSE_WAREHOUSE": str(house.warehouse),
        "OMNIHOUSE_SEEDS": str(house.dbt_work / "seeds"),
        "OMNIHOUSE_CURRENCY": house.currency,
        "OMNIHOUSE_TIMEZONE": house.timezone,
        "OMNIHOUSE_MEMORY": house.memory_limit,
        "OMNIHOUSE_TEMP_DIRECTORY": str(house.spill),
        "DBT_TARGET_PATH": str(target(house)),
        "DBT_LOG_PATH": str(house.dbt_work / "logs"),
    }
    if with_key:
        variables["OMNIHOUSE_HOME_KEY"] = Decisions(house.lake).home_key().hex()
    return variables


def target(house: House) -> Path:
    """Where dbt keeps its artefacts."""
    return house.dbt_work / "target"


def manifest(house: House) -> Path:
    """The manifest of the project as it is now; parsed by dbt when something changed."""
    seeds = assemble_seeds(house)
    digest = hashlib.sha256(repr(sorted(environment(house).items())).encode())
    sources = [file for file in DBT.rglob("*") if file.suffix in (".sql", ".py", ".yml", ".md") and file.is_file()]
    for file in sorted(sources) + sorted(seeds.iterdir()):
        digest.update(str(file.relative_to(file.anchor)).encode() + b"\0" + file.read_bytes())
    stamp = target(house) / "manifest.stamp"
    if not (stamp.exists() and stamp.read_text() == digest.hexdigest()):
        parsed = subprocess.run(
            [
                str(EXECUTABLE),
                "--quiet",
                "--no-use-colors",
                "parse",
                "--project-dir",
                str(DBT),
                "--profiles-dir",
                str(DBT),
            ],
            env={**os.environ, **environment(house)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if parsed.returncode:
            raise ConfigurationError(
                f"dbt cannot read the project in {DBT} with the rules in {house.rules}: "
                f"{(parsed.stdout + parsed.stderr).strip()[-1500:]}"
            )
        stamp.write_text(digest.hexdigest())
    return target(house) / "manifest.json"


def dbt_project(house: House) -> DbtProject:
    """The project with this home's target folder."""
    return DbtProject(project_dir=DBT, profiles_dir=DBT, target_path=target(house))


def dbt_cli() -> DbtCliResource:
    """The dbt command beside this interpreter."""
    return DbtCliResource(project_dir=str(DBT), profiles_dir=str(DBT), dbt_executable=str(EXECUTABLE))


class Translator(DagsterDbtTranslator):
    """Schema = folder = key prefix = group, for models, seeds and sources alike."""

    def __init__(self) -> None:
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The key that `asset_key` makes for the relation."""
        return asset_key(dbt_resource_props["schema"], dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The schema."""
        return dbt_resource_props["schema"]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """One team owns the house."""
        return [OWNER]

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """The layer, to filter the graph by."""
        return {"layer": dbt_resource_props["schema"]}
