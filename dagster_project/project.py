"""The dbt project as Dagster sees it: its manifest, its environment, and how its nodes become assets.

The manifest is parsed again when a file of the project, or the set of seeds, changed; never at each start.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
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
from dagster_project.release import Description

OWNER = "team:data"
DBT = PROJECT / "dbt"
_LINKED = ("models", "macros", "tests", "dbt_project.yml", "profiles.yml")
EXECUTABLE = Path(sys.executable).parent / "omnihouse-dbt"


def environment(house: House, with_key: bool = False) -> dict[str, str]:
    """The variables that the dbt project reads; the home's key only for a run that computes ids."""
    variables = {
        "OMNIHOUSE_WAREHOUSE": str(house.warehouse),
        "OMNIHOUSE_SEEDS": "seeds",
        "OMNIHOUSE_CURRENCY": house.currency,
        "OMNIHOUSE_TIMEZONE": house.timezone,
        "OMNIHOUSE_MEMORY": house.memory_limit,
        "OMNIHOUSE_TEMP_DIRECTORY": str(house.spill),
        "DBT_TARGET_PATH": str(target(house)),
        "DBT_LOG_PATH": str(house.dbt_work / "logs"),
        # What dbt says goes through the run, which keeps it in a log of its own.
        "DBT_LOG_LEVEL_FILE": "none",
    }
    if with_key:
        variables["OMNIHOUSE_HOME_KEY"] = Decisions(house.lake).home_key().hex()
    return variables


def folder(house: House) -> Path:
    """The project directory that dbt is given for this home."""
    return house.dbt_work / "project"


def assemble(house: House) -> Path:
    """Lay out the home's project: the shipped models by link, and beside them the rules; returns the rules' folder.

    The shipped rules and lookups are copied, the company's own in their place. They have to lie inside the project: dbt
    writes what it ran for a seed to the target folder joined with the seed's path, and an absolute path would
    make it overwrite the seed itself.
    """
    place = folder(house)
    place.mkdir(parents=True, exist_ok=True)
    for name in _LINKED:
        link = place / name
        if not link.is_symlink() or link.readlink() != DBT / name:
            link.unlink(missing_ok=True)
            link.symlink_to(DBT / name)
    fresh = place / "seeds.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for shipped in sorted((PROJECT / "seeds").iterdir()):
        own = house.rules / shipped.name
        shutil.copyfile(own if own.exists() and shipped.suffix == ".csv" else shipped, fresh / shipped.name)
    seeds = place / "seeds"
    shutil.rmtree(seeds, ignore_errors=True)
    return fresh.replace(seeds)


def target(house: House) -> Path:
    """Where dbt keeps its artefacts."""
    return house.dbt_work / "target"


def manifest(house: House) -> dict[str, Any]:
    """The manifest of the project as it is now; parsed by dbt when something changed, or it cannot be read."""
    seeds = assemble(house)
    digest = hashlib.sha256(repr(sorted(environment(house).items())).encode())
    sources = [file for file in DBT.rglob("*") if file.suffix in (".sql", ".py", ".yml", ".md") and file.is_file()]
    for file in sorted(sources) + sorted(seeds.iterdir()):
        digest.update(str(file.relative_to(file.anchor)).encode() + b"\0" + file.read_bytes())
    stamp, document = target(house) / "manifest.stamp", target(house) / "manifest.json"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        # dbt writes the manifest again in each build; one that was killed meanwhile leaves half of it.
        with contextlib.suppress(OSError, ValueError):
            return json.loads(document.read_text())
    parsed = run_dbt(house, "parse")
    if parsed.returncode:
        raise ConfigurationError(
            f"dbt cannot read the project in {DBT} with the rules in {house.rules}: "
            f"{(parsed.stdout + parsed.stderr).strip()[-1500:]}"
        )
    stamp.write_text(digest.hexdigest())
    return json.loads(document.read_text())


def run_dbt(house: House, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A dbt command on this home's project, to its end; `variables` are set beside those that the project reads."""
    return subprocess.run(
        [str(EXECUTABLE), "--quiet", "--no-use-colors", *arguments],
        env={**os.environ, **environment(house), **variables},
        cwd=folder(house),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def descriptions(house: House) -> dict[str, Description]:
    """What the models' descriptions say, by `schema.table`, as dbt read them for its last build."""
    nodes = json.loads((target(house) / "manifest.json").read_text())["nodes"].values()
    return {
        f"{node['schema']}.{node['name']}": Description(
            node["description"], {name: column["description"] for name, column in node["columns"].items()}
        )
        for node in nodes
        if node["resource_type"] == "model"
    }


def dbt_project(house: House) -> DbtProject:
    """The project with this home's target folder."""
    return DbtProject(project_dir=folder(house), profiles_dir=folder(house), target_path=target(house))


def dbt_cli(house: House) -> DbtCliResource:
    """The dbt command beside this interpreter."""
    place = str(folder(house))
    return DbtCliResource(project_dir=place, profiles_dir=place, dbt_executable=str(EXECUTABLE))


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
