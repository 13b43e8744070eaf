"""From the sources to admitted loads: pulls side by side, each load gated and admitted on its own.

A load that a gate refuses, or a source that does not answer, leaves the other sources alone; its tables stay at the
last good state, and the run's record says so.
"""

import json
import queue
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg

import expectations
import ingestion
from dagster_project import (
    audience_inputs,
    bookkeeping,
    checks,
    personal,
    places,
    project,
    release,
    rule_files,
    run_inputs,
    tag_rules,
)
from dagster_project.config import House
from dagster_project.decisions import Decisions
from dagster_project.defs.quality import record
from dagster_project.keys import asset_key
from dagster_project.night import Night, StepFailed, StepRecord
from dagster_project.warehouse import carry_on, connect, discard, fingerprint
from expectations import Result, suite_names
from ingestion import Delivery, IngestionError, Ledger, LoadReport, Source

_ATTEMPTS = 3
_WAIT_SECONDS = (2.0, 6.0)
_OPS_INPUTS = {
    "loads": "The ledger of loads: what was read, landed and rejected, and whether it was admitted.",
    "refused_rules": "Lines of rule files that are not used tonight, and why.",
    **run_inputs.DESCRIPTIONS,
    **audience_inputs.DESCRIPTIONS,
}


@dataclass
class _State:
    """What came of one source tonight."""

    status: str = "fresh"
    reason: str = ""
    loads: int = 0
    refused_loads: int = 0
    rows_read: int = 0
    rows_landed: int = 0
    rows_rejected: int = 0
    refusals: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    begun: float = field(default_factory=time.perf_counter)

    def add(self, report: LoadReport) -> None:
        self.loads += 1
        self.notes |= report.notes
        for table in report.tables.values():
            self.rows_read += table.rows_read
            self.rows_landed += table.rows_landed
            self.rows_rejected += table.rows_rejected

    def stale(self, reason: str) -> None:
        self.status = "stale"
        self.refusals.append(reason)
        self.reason = self.refusals[0] + (f" And {len(self.refusals) - 1} more." if len(self.refusals) > 1 else "")

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("begun", "refusals")}


def build_ingest(house: House) -> dg.AssetsDefinition:
    """The raw tables of every known source and the `ops` tables that the models read."""
    sources = ingestion.sources()
    feeders: dict[tuple[str, str], list[str]] = {}
    for source in sources.values():
        for table in source.tables:
            feeders.setdefault((source.schema, table.name), []).append(source.name)
    specs = [
        dg.AssetSpec(
            asset_key(schema, table),
            deps=[asset_key("sources", name) for name in names],
            group_name=schema,
            owners=[project.OWNER],
            tags={"layer": "raw", "pii": personal.tag(schema, table, ())},
            metadata=places.metadata(house, schema, table),
            kinds={"dlt", "parquet"},
            description=f"`{table}` as {' and '.join(names)} delivered it: every admitted version, text only.",
        )
        for (schema, table), names in feeders.items()
    ]
    specs += [
        dg.AssetSpec(
            asset_key("ops", name),
            group_name="ops",
            owners=[project.OWNER],
            tags={"layer": "ops", "pii": personal.DIRECT if name in audience_inputs.DESCRIPTIONS else personal.NONE},
            metadata=places.metadata(house, "ops", name),
            description=text,
        )
        for name, text in _OPS_INPUTS.items()
    ]
    schemas = {schema: [table for owner, table in feeders if owner == schema] for schema, _ in feeders}
    wanted = [
        spec
        for schema, tables in schemas.items()
        if schema in suite_names()
        for spec in checks.specs(schema, schema, tables, blocking=False)
    ]

    @dg.multi_asset(specs=specs, check_specs=wanted, required_resource_keys={"night"}, name="ingest")
    def ingest(context: dg.AssetExecutionContext) -> Iterator[Any]:
        night: Night = context.resources.night
        found: list[Result] = []
        with night.guard("ingest"):
            if night.mode != "rebuild":
                with _company(night) as (settings, landing):
                    found = _pull_all(night, sources, settings, landing)
            record(night, found)
            rows = _prepare_warehouse(night, sources)
        for spec in specs:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"dagster/row_count": rows.get(spec.key, 0)})
        yield from checks.results(wanted, found)

    return ingest


def source_systems(house: House) -> list[dg.AssetSpec]:
    """The systems themselves, as the graph's roots."""
    return [
        dg.AssetSpec(
            asset_key("sources", name),
            group_name="sources",
            owners=[project.OWNER],
            tags={"layer": "sources", "pii": personal.DIRECT},
            metadata=places.metadata(house, "sources", name),
            description=f"The company's {name} system.",
        )
        for name in ingestion.sources()
    ]


@contextmanager
def _company(night: Night) -> Iterator[tuple[Mapping[str, Mapping[str, str]], Path]]:
    """Settings and landing folder of tonight: the real ones, or the demo company's with its servers started."""
    house = night.house
    if not night.is_demo:
        yield house.settings, house.landing
        return
    from ingestion.demo import Company

    try:
        company = Company(house.demo_home, *house.demo_size(), down=house.demo_down, faults=house.demo_faults)
    except ValueError as problem:
        raise StepFailed(str(problem)) from problem
    with night.step("demo company") as step:
        company.advance(night.demo_night)
        step.detail = f"night {night.demo_night}, {night.as_of:%Y-%m-%d %H:%M} UTC"
    with ExitStack() as stack:
        yield stack.enter_context(company.serve()), company.landing


def _pull_all(
    night: Night, sources: Mapping[str, Source], settings: Mapping[str, Mapping[str, str]], landing: Path
) -> list[Result]:
    """Pull the active sources in threads; gate and admit their loads here, one by one, as they arrive."""
    house, ledger = night.house, Ledger(night.house.lake)
    arrivals: queue.Queue[tuple[str, Delivery | None, LoadReport | Exception | None]] = queue.Queue()
    work = house.home / "work"
    shutil.rmtree(work, ignore_errors=True)
    active = ingestion.active_sources(settings, [landing], house.mapping_dirs)
    systems = {name: _systems(sources[name], landing, house) for name in active}
    if night.only:
        systems = _of_one(night.only, systems)
        active = list(systems)
    states = {system: _State() for listed in systems.values() for system in listed}
    for name in active:
        planned = ingestion.plan(sources[name], settings, [landing], house.mapping_dirs, ledger, now=night.as_of)
        deliveries = (delivery for delivery in planned if delivery.source_system in states)
        threading.Thread(target=_pull, args=(name, deliveries, house, work, arrivals), daemon=True).start()
    refused_before = ledger.refused_hashes()
    waiting, found = set(active), []
    while waiting:
        name, delivery, outcome = arrivals.get()
        if outcome is None:
            waiting.discard(name)
            for system in systems[name]:
                _close(night, system, states[system])
            continue
        # A plan that fails before its first delivery tells nothing of any of the source's systems.
        for system in [delivery.source_system] if delivery else systems[name]:
            if isinstance(outcome, LoadReport):
                found += _admit(night, ledger, refused_before, outcome, states[system])
            else:
                _note_failure(night, ledger, system, delivery, outcome, states[system])
    shutil.rmtree(work, ignore_errors=True)
    absent = [name for name, source in sources.items() if name not in active and source.settings]
    absent += [
        folder for source in sources.values() for folder in source.folders(house.mapping_dirs) if folder not in states
    ]
    night.sources = {name: _State("absent", "not configured, or no file has landed").as_dict() for name in absent}
    if night.only:
        night.sources |= _as_last_told(house)
    night.sources |= {name: state.as_dict() for name, state in states.items()}
    night.unclaimed_files = ingestion.unclaimed_files([landing], house.mapping_dirs)
    if night.unclaimed_files:
        print(f"! no source reads {', '.join(night.unclaimed_files[:5])}; see the landing folders in the README")
    return found


def _systems(source: Source, landing: Path, house: House) -> list[str]:
    """The source systems that an active source reads tonight: itself, or each landing folder that holds something."""
    if source.settings:
        return [source.name]
    return [folder for folder in source.folders(house.mapping_dirs) if any((landing / folder).glob("*"))]


def _of_one(wanted: str, systems: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """What is pulled when one source, or one landing folder of a source of files, is asked for by itself."""
    found = {
        name: listed if name == wanted else [wanted] for name, listed in systems.items() if wanted in (name, *listed)
    }
    if not found:
        raise StepFailed(
            f"{wanted} cannot be pulled by itself: it is not configured, or no file has landed in its folder. "
            f"This home has {', '.join(sorted({*systems, *chain.from_iterable(systems.values())})) or 'no source'}."
        )
    return found


def _as_last_told(house: House) -> dict[str, dict[str, Any]]:
    """The sources as the current release tells of them: those that this run does not ask stand as they stood."""
    run_id = release.current(house)
    file = house.runs / f"{run_id}.json"
    told = json.loads(file.read_text())["sources"] if run_id and file.exists() else {}
    return {name: _State(state["status"], state["reason"]).as_dict() for name, state in told.items()}


def _pull(name: str, deliveries: Iterable[Delivery], house: House, work: Path, arrivals: queue.Queue[Any]) -> None:
    """A thread of one source: land each delivery; a source that does not answer is asked again a little later."""
    delivery = None
    try:
        for delivery in deliveries:
            for attempt in range(_ATTEMPTS):
                try:
                    arrivals.put((name, delivery, ingestion.land(delivery, house.lake, work)))
                    break
                except ingestion.SourceUnavailable as problem:
                    if attempt == _ATTEMPTS - 1:
                        arrivals.put((name, delivery, problem))
                        break
                    time.sleep(_WAIT_SECONDS[attempt])
                except Exception as problem:
                    arrivals.put((name, delivery, problem))
                    break
    except Exception as problem:
        arrivals.put((name, delivery, problem))
    finally:
        arrivals.put((name, None, None))


def _admit(
    night: Night, ledger: Ledger, refused_before: frozenset[str], report: LoadReport, state: _State
) -> list[Result]:
    """Hold the gate of its raw schema against a load; write down whether it may be read."""
    suite = report.source.schema
    results: list[Result] = []
    if suite in suite_names():
        results = expectations.check_load(
            {
                name: [night.house.lake / file for file in table.files if Path(file).parent.name == name]
                for name, table in report.tables.items()
            },
            suite,
            {
                "as_of": night.as_of,
                "rows": {name: table.rows_landed for name, table in report.tables.items()},
                "seen_before": ingestion.seen_before(ledger, report),
            },
            load_id=report.load_id,
            settings={"memory_limit": night.house.memory_limit, "temp_directory": str(night.house.spill)},
        )
    refusals = expectations.refused(results)
    if refusals:
        text = f"{report.description}: {' '.join(refusals)}"
        state.refused_loads += 1
        state.stale(night.without_secrets(text))
        if report.content_sha256 in refused_before:
            # The file lies there unchanged, and its rows are in the lake from the night that refused it first.
            for table in report.tables.values():
                for file in table.files:
                    (night.house.lake / file).unlink()
        else:
            ledger.record(night.run_id, report, "refused", admitted=False, error=night.without_secrets(refusals[0]))
    else:
        state.add(report)
        ledger.record(night.run_id, report, "admitted", admitted=True)
    return results


def _note_failure(
    night: Night, ledger: Ledger, system: str, delivery: Delivery | None, outcome: Any, state: _State
) -> None:
    text = str(outcome) if isinstance(outcome, IngestionError) else f"{type(outcome).__name__}: {outcome}"
    text = night.without_secrets(text)
    state.stale(text)
    ledger.append(
        night.run_id,
        [
            ingestion.failed_line(
                system,
                text,
                delivery.file_name if delivery else None,
                delivery.content_sha256 if delivery else None,
            )
        ],
    )


def _close(night: Night, name: str, state: _State) -> None:
    """The progress line of a source that is done."""
    detail = f"{state.loads} loads" if state.loads else "nothing new"
    if state.rows_rejected:
        detail += f", {state.rows_rejected:,} unreadable lines"
    for note in state.notes.values():
        print(f"! {name}: {night.without_secrets(note)}")
    if state.status == "stale":
        detail += f", {len(state.refusals)} failed"
        night.problem("source", name, state.reason)
    begun_at = datetime.now(UTC) - timedelta(seconds=(seconds := time.perf_counter() - state.begun))
    night.finished(
        StepRecord(
            f"pull {name}",
            begun_at.isoformat(),
            round(seconds, 2),
            state.rows_landed,
            detail,
            "stale" if state.status == "stale" else "done",
            state.reason or None,
        )
    )


def _prepare_warehouse(night: Night, sources: Mapping[str, Source]) -> dict[dg.AssetKey, int]:
    """Make the raw views over admitted files and tonight's inputs; returns the rows of each raw table."""
    house, ledger = night.house, Ledger(night.house.lake)
    with night.step("raw views") as step:
        lines = ledger.read()
        admitted = [line for line in lines if line["admitted"]]
        if night.mode == "rebuild":
            discard(house)
        seeds = project.assemble(house)
        reason = carry_on(house, fingerprint(house, seeds), {line["load_id"] for line in admitted}, night.as_of)
        if reason:
            step.detail = f"the warehouse is built from the lake: {'asked for' if night.mode == 'rebuild' else reason}"
        rows: dict[dg.AssetKey, int] = {}
        decisions = Decisions(house.lake)
        rules, refused = tag_rules.read(seeds / tag_rules.FILE, run_inputs.tag_places(decisions))
        night.refused_rules = [{"file": tag_rules.FILE, **vars(rule)} for rule in refused]
        with connect(house) as warehouse:
            run_inputs.write_run_inputs(
                warehouse,
                run_id=night.run_id,
                night=night.number,
                as_of=night.as_of,
                as_of_date=night.as_of_date,
                decisions=decisions,
                seeds=seeds,
                tag_rules=rules,
                rfm_dates=rule_files.rfm_dates(house.rules / "rfm_dates.csv"),
                published_orders=release.current_table(house, "marts.orders"),
                accept_restatement=night.accept_restatement,
                retrain=night.retrain,
            )
            lists = audience_inputs.write(
                warehouse,
                decisions,
                seeds,
                as_of=night.as_of,
                timezone=house.timezone,
                tags={rule.tag for rule in rules if rule.holds_on(night.as_of_date)},
            )
            night.refused_rules += audience_inputs.refused(lists)
            rows[asset_key("ops", "loads")] = bookkeeping.write_loads(warehouse, lines)
            rows[asset_key("ops", "refused_rules")] = bookkeeping.write_refused_rules(warehouse, night.refused_rules)
            rows[asset_key("ops", "run_parameters")] = 1
            for source in sources.values():
                for statement in ingestion.raw_views(source, admitted, house.lake):
                    warehouse.execute(statement)
                for table in source.tables:
                    counted = warehouse.execute(f'select count(*) from "{source.schema}"."{table.name}"').fetchone()
                    if counted is None:
                        raise StepFailed(f"{source.schema}.{table.name} cannot be counted.")
                    rows[asset_key(source.schema, table.name)] = counted[0]
                    night.raw_rows[source.schema, table.name] = counted[0]
        night.layers["lake"] = step.rows = sum(count for key, count in rows.items() if key.path[0] != "ops")
    return rows
