"""A publication once more: the models over the loads, decisions and rules that it had, in a scratch warehouse.

Here: what a publication notes so that this can be done, finding it again by what people call it, and building some of
the models as it built them. The home is only read: no lock is taken, for nothing that a publication used is ever
changed, and a night may begin meanwhile. Not here: what is done with the tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from dagster_project import bookkeeping, run_inputs, warehouse
from dagster_project.config import ConfigurationError, House
from dagster_project.decisions import Decisions, Publication

NOW = "now"
_SETTINGS = ("currency", "timezone")


class ReplayFailed(Exception):
    """The models of a publication could not be built again; the text says what to do."""


@dataclass(frozen=True)
class Known:
    """A publication and what it noted."""

    publication: Publication
    house: House
    rules: Mapping[str, str]
    loads: Mapping[str, Any]
    code: str

    @property
    def name(self) -> str:
        """How it is told of."""
        return f"run {self.publication.run_id} (publication {self.publication.night}, as of {self.last_day})"

    @property
    def last_day(self) -> date:
        """The last day that was complete."""
        return self.house.last_day(datetime.fromisoformat(self.publication.as_of))

    def differs_from(self, other: Known) -> set[str]:
        """The rule files, and `settings`, that are not the other's."""
        names = self.rules.keys() | other.rules.keys()
        found = {name for name in names if self.rules.get(name) != other.rules.get(name)}
        same = all(getattr(self.house, name) == getattr(other.house, name) for name in _SETTINGS)
        return found if same else found | {"settings"}


def note(house: House, loads: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What a publication keeps of itself besides its rules: the loads, by number and checksum, and the settings."""
    return {
        "loads": _summary(loads),
        "settings": {name: getattr(house, name) for name in _SETTINGS},
        "code": warehouse.code_version(),
    }


def known(house: House, publication: Publication) -> Known:
    """What a publication noted; raises `ConfigurationError` where an older version noted nothing."""
    decisions = Decisions(house.lake)
    noted = decisions.noted(publication.run_id)
    if "loads" not in noted:
        later = [run for run in decisions.publications() if "loads" in decisions.noted(run.run_id)]
        since = f"Publications since run {later[0].run_id} note it." if later else "The next run's publication will."
        raise ConfigurationError(
            f"The publication of run {publication.run_id} is of a version that did not note its rules and loads, so "
            f"what it knew cannot be built again. {since}"
        )
    its_own = {name: str(noted["settings"][name]) for name in _SETTINGS}
    return Known(publication, replace(house, **its_own), noted["files"], noted["loads"], noted["code"])  # type: ignore[arg-type]


def find(house: House, asked: str) -> Publication:
    """The publication of a run's id, of a number, of a business day (its last one), or the newest for `now`."""
    published = Decisions(house.lake).publications()
    if not published:
        raise ConfigurationError(f"{house.home} has no publication yet. Run first: make run.")
    days = {run.run_id: house.last_day(datetime.fromisoformat(run.as_of)) for run in published}
    named = [run for run in published if asked in (NOW, run.run_id, str(run.night), str(days[run.run_id]))]
    if not named:
        raise ConfigurationError(
            f"No publication is called {asked!r}. {house.home} has those of {days[published[0].run_id]} to "
            f"{days[published[-1].run_id]}, numbers {published[0].night} to {published[-1].night}; write one of these "
            "numbers, the id of a run (ops.runs), a day on which one was as of, or now for the newest."
        )
    return named[-1]


def build(home: House, what: Known, day: date, selection: str, folder: Path) -> Path:
    """Build models as of a publication in a scratch folder; returns the warehouse file, which the caller removes.

    `selection`: which, as dbt selects. The tables of recency, frequency and money have `day` among those computed, none
    of them taken from the decisions. Raises `ReplayFailed`.
    """
    import ingestion
    from dagster_project import project

    decisions = Decisions(home.lake, until=what.publication.run_id)
    as_of = datetime.fromisoformat(what.publication.as_of)
    lines = ingestion.Ledger(home.lake).read(until=datetime.fromisoformat(what.publication.published_at))
    if _summary(lines) != what.loads:
        raise ReplayFailed(
            f"The ledger in {home.lake} does not have the loads that {what.name} used. Restore it from a backup; "
            "make verify tells what else is missing."
        )
    scratch = replace(what.house, home=folder / "home", memory=home.memory_limit)
    for place in (scratch.rules, scratch.dbt_work, scratch.spill):
        place.mkdir(parents=True, exist_ok=True)
    _lay_out_rules(scratch, what, decisions)
    seeds = project.assemble(scratch)
    warehouse.carry_on(scratch, warehouse.fingerprint(scratch, seeds), ())
    with warehouse.connect(scratch) as opened:
        run_inputs.write_run_inputs(
            opened,
            run_id=what.publication.run_id,
            night=what.publication.night + 1,
            as_of=as_of,
            as_of_date=what.last_day,
            decisions=decisions,
            seeds=seeds,
            rfm_dates=[day],
        )
        for table in run_inputs.RFM_BEFORE:
            opened.execute(f"delete from ops.{table}")
        bookkeeping.write_loads(opened, lines)
        for source in ingestion.sources().values():
            for statement in ingestion.raw_views(source, [line for line in lines if line["admitted"]], home.lake):
                opened.execute(statement)
    _run_dbt(scratch, home, selection, what)
    built = folder / f"{what.publication.run_id}.duckdb"
    scratch.warehouse.replace(built)
    return built


def _summary(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    admitted = sorted(
        f"{line['load_id']} {line['source_table']} {line['file_name']}" for line in lines if line["admitted"]
    )
    return {"admitted": len(admitted), "sha256": hashlib.sha256("\n".join(admitted).encode()).hexdigest()}


def _lay_out_rules(scratch: House, what: Known, decisions: Decisions) -> None:
    contents = decisions.rule_contents()
    for file in scratch.rules.iterdir():
        file.unlink()
    for name, digest in what.rules.items():
        if digest not in contents:
            raise ReplayFailed(
                f"The content of {name} that {what.name} used is not in {decisions.folder / 'rules'} any more. Restore "
                "the decisions from a backup; make verify tells what is missing."
            )
        (scratch.rules / name).write_bytes(contents[digest].encode())


def _run_dbt(scratch: House, home: House, selection: str, what: Known) -> None:
    from dagster_project import project

    # The home's key is asked for by the run that computes ids; a scratch home has none.
    key = Decisions(home.lake).home_key().hex()
    arguments = ("build", "--select", selection, "--exclude-resource-type", "test", "unit_test")
    project.begin(scratch)
    ran = project.run_dbt(scratch, *arguments, OMNIHOUSE_HOME_KEY=key)
    if ran.returncode:
        other = " The models are of another version than that run's." if what.code != warehouse.code_version() else ""
        raise ReplayFailed(
            f"dbt could not build the models as {what.name} had them.{other} It said: "
            f"{' '.join((ran.stdout + ran.stderr).split())[-1500:]}"
        )
