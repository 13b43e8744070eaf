"""The dbt project as Dagster sees it: its manifest, its environment, and how its nodes become assets.

The project is read again when one of its files, or the set of seeds, changed; never at each start, once for all homes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject

from dagster_project import parsed, personal, places
from dagster_project.config import PROJECT, ConfigurationError, House
from dagster_project.decisions import Decisions
from dagster_project.keys import asset_key
from dagster_project.release import Description

OWNER = "team:data"
# A night late by hours is one to look at; one that did not come is a failure.
FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=28), fail_window=timedelta(hours=36))
DBT = PROJECT / "dbt"
_SHELF = DBT / "target" / parsed.SHELF
_LINKED = ("models", "macros", "tests", "dbt_project.yml", "profiles.yml")
_PLACES = ("DBT_TARGET_PATH", "DBT_LOG_PATH")  # where dbt writes, which says nothing of what it reads
_BYTES_OF_A_ROW = 500  # of memory that a model over all rows of the lake may ask for
EXECUTABLE = Path(sys.executable).parent / "omnihouse-dbt"


def environment(house: House, with_key: bool = False) -> dict[str, str]:
    """The variables that the dbt project reads; the home's key only for a run that computes ids.

    Paths in it are told from the project's folder, where dbt runs: dbt reads the whole project anew when a variable of
    its profile changed, and another home has the same project.
    """
    variables = {
        "OMNIHOUSE_WAREHOUSE": _from_project(house, house.warehouse),
        "OMNIHOUSE_SEEDS": "seeds",
        "OMNIHOUSE_CURRENCY": house.currency,
        "OMNIHOUSE_TIMEZONE": house.timezone,
        "OMNIHOUSE_MEMORY": house.memory_limit,
        "OMNIHOUSE_TEMP_DIRECTORY": _from_project(house, house.spill),
        "DBT_TARGET_PATH": str(target(house)),
        "DBT_LOG_PATH": str(house.dbt_work / "logs"),
        # What dbt says goes through the run, which keeps it in a log of its own.
        "DBT_LOG_LEVEL_FILE": "none",
    }
    if with_key:
        variables["OMNIHOUSE_HOME_KEY"] = Decisions(house.lake).home_key().hex()
    return variables


def _from_project(house: House, path: Path) -> str:
    """The path as it is from the project's folder, with every link followed."""
    return os.path.relpath(path.resolve(), folder(house).resolve())


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
    digest, place = _digest(house, assemble(house)), folder(house).resolve()
    stamp, document = target(house) / "manifest.stamp", target(house) / "manifest.json"
    stamped = stamp.read_text().splitlines() if stamp.exists() else []
    if stamped == [digest, str(place)]:
        # dbt writes the manifest again in each build; one that was killed meanwhile leaves half of it.
        with contextlib.suppress(OSError, ValueError):
            return json.loads(document.read_text())
    if not parsed.take(_SHELF, digest, target(house), place):
        if stamped[1:] != [str(place)]:
            begin(house)
        read = run_dbt(house, "parse")
        if read.returncode:
            raise ConfigurationError(
                f"dbt cannot read the project in {DBT} with the rules in {house.rules}: "
                f"{(read.stdout + read.stderr).strip()[-1500:]}"
            )
        parsed.keep(_SHELF, digest, target(house), place)
    stamp.write_text(f"{digest}\n{place}\n")
    return json.loads(document.read_text())


def begin(house: House) -> None:
    """Let dbt begin with what it has read for another home, in one that it reads as it builds."""
    parsed.begin(_SHELF, target(house), folder(house).resolve())


def _digest(house: House, seeds: Path) -> str:
    """What dbt reads, by its content: versions, settings and files, wherever the home lies."""
    settings = {name: text for name, text in environment(house).items() if name not in _PLACES}
    known = [sys.prefix, *(version(package) for package in ("dbt-core", "dbt-duckdb")), *sorted(settings.items())]
    digest = hashlib.sha256(repr(known).encode())
    sources = [file for file in DBT.rglob("*") if file.suffix in (".sql", ".py", ".yml", ".md") and file.is_file()]
    for root, files in ((DBT, sources), (seeds, seeds.iterdir())):
        for file in sorted(files):
            digest.update(f"{root.name}/{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


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


def at_a_time(house: House, raw_rows: int) -> list[str]:
    """How many models dbt builds at a time: one, where two large ones could ask for more memory than there is."""
    return ["--threads", "1"] if raw_rows * _BYTES_OF_A_ROW > house.memory_bytes else []


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
    return _Dbt(project_dir=place, profiles_dir=place, dbt_executable=str(EXECUTABLE))


class _Dbt(DbtCliResource):
    """The dbt command without an adapter in this process, which would read all macros for what no run asks of it."""

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


class Translator(DagsterDbtTranslator):
    """Schema = folder = key prefix = group, for models, seeds and sources alike."""

    def __init__(self, house: House) -> None:
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=False))
        self._house = house

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
        """The layer and how near the table is to people, to filter the graph by."""
        schema, name = dbt_resource_props["schema"], dbt_resource_props["name"]
        return {"layer": schema, "pii": personal.tag(schema, name, dbt_resource_props.get("columns", ()))}

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What the table is, its grain as line 1 of the model says it, and the model itself."""
        text = super().get_description(dbt_resource_props)
        first = dbt_resource_props.get("raw_code", "").partition("\n")[0].lstrip("-# ")
        return f"**{first}**\n\n{text}" if first.startswith("Grain: ") else text

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Beside what dbt tells: where the table is written about."""
        found = places.metadata(self._house, dbt_resource_props["schema"], dbt_resource_props["name"])
        return {**super().get_metadata(dbt_resource_props), **found}
