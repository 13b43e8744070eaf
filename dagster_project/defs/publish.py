"""Write, audit, publish: the release is built beside the current one and becomes current in one rename."""

import dagster as dg

from dagster_project import (
    audiences,
    bookkeeping,
    conversions,
    decided,
    identity_graph,
    pages,
    personal,
    places,
    project,
    release,
    replay,
)
from dagster_project.config import House
from dagster_project.decisions import Decisions
from dagster_project.keys import asset_key
from dagster_project.night import GateRefused, Night, StepFailed
from dagster_project.warehouse import connect
from ingestion import Ledger

PUBLISHED = asset_key("published", "omnihouse")
SOURCES_COMPLETE = dg.AssetCheckSpec(
    name="every_source_is_fresh",
    asset=PUBLISHED,
    description="A source that was down or refused leaves its tables at the last good state; this says which.",
)


def build_publish(house: House, models: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The asset of the published file; it depends on every table that the file holds."""
    shown = sorted(key for key in models.keys if key.path[0] in (*release.PUBLISHED_SCHEMAS, "restricted"))

    @dg.asset(
        key=PUBLISHED,
        deps=shown,
        group_name="published",
        owners=[project.OWNER],
        check_specs=[SOURCES_COMPLETE],
        required_resource_keys={"night"},
        description="`published/omnihouse.duckdb` and the Parquet beside it: all that BI tools read.",
        kinds={"duckdb", "parquet"},
        tags={"layer": "published", "pii": personal.PSEUDONYMOUS},
        metadata=places.metadata(house, *PUBLISHED.path),
        freshness_policy=project.FRESH,
    )
    def omnihouse(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        night: Night = context.resources.night
        decisions = Decisions(house.lake)
        with night.step("publish") as step:
            _refuse(night)
            with connect(house) as warehouse:
                bookkeeping.write_history(warehouse, night)
                loads = Ledger(house.lake).read()
                bookkeeping.write_freshness(warehouse, night.sources, loads)
                rows = release.build(night, warehouse, project.descriptions(house))
                files = conversions.write(warehouse, house.published / "releases" / night.run_id)
                lists = audiences.write(warehouse, house.published / "releases" / night.run_id)
                seeds = project.folder(house) / "seeds"
                known = replay.note(house, loads)
                decided.write(warehouse, decisions, night.run_id, night.number, seeds, known)
                identity_graph.write(house, warehouse)
            publication = night.publication(decisions.checksums(night.run_id))
            findings = pages.write(night)
            release.seal(night, rows, publication)
            night.foretell()
            release.make_current(house, night.run_id)
            night.published = True
            decisions.add_publication(publication)
            release.prune(house, decisions)
            step.rows = sum(rows.values())
            step.detail = f"{len(rows)} tables"
            if lists:
                print(f"    audiences: {sum(lists.values()):,} messages in {len(lists)} files", flush=True)
            if files:
                print(f"    conversions: {sum(files.values()):,} in {len(files)} files", flush=True)
        stale = {name: state["reason"] for name, state in night.sources.items() if state["status"] == "stale"}
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": step.rows,
                "file": dg.MetadataValue.path(house.published / "omnihouse.duckdb"),
                "tables": dg.MetadataValue.json(rows),
                "run": night.run_id,
                "front page": dg.MetadataValue.path(house.published / "index.html"),
                **{f"report: {name}": dg.MetadataValue.md(said) for name, said in pages.told(house, findings)},
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=SOURCES_COMPLETE.name,
                    passed=not stale,
                    metadata={"stale": dg.MetadataValue.json(stale)},
                )
            ],
        )

    return omnihouse


def _refuse(night: Night) -> None:
    """Raise when something that was seen tonight must keep readers on the publication before."""
    refused = [gate for gate in night.gates if gate["severity"] == "block" and not gate["success"] and
               gate["table_schema"] in release.PUBLISHED_SCHEMAS]  # fmt: skip
    if refused:
        raise GateRefused("a gate on the marts failed; readers keep the publication before")
    holding = [
        name
        for name, state in night.sources.items()
        if state["status"] == "stale" and night.house.stale_policy.get(name) == "block"
    ]
    if holding:
        raise StepFailed(
            f"{', '.join(holding)} could not be loaded tonight, and OMNIHOUSE_STALE_POLICY says not to publish then. "
            "Readers keep the publication before; the next run pulls what is missing."
        )
