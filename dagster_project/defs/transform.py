"""From raw views to marts: one `dbt build` as a child process, its models as assets and its tests as checks."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliEventMessage, dbt_assets

from dagster_project import (
    column_origins,
    dbt_child,
    idle,
    lineage,
    project,
    quality_report,
    stream_charts,
    table_tests,
)
from dagster_project.config import House
from dagster_project.night import GateRefused, Night, StepFailed
from dagster_project.warehouse import connect

_TABLE_LAYERS = ("staging", "quarantine", "seeds", "intermediate", "marts", "restricted")


def build_models(house: House, translator: DagsterDbtTranslator) -> dg.AssetsDefinition:
    """The assets of the dbt project."""
    # The translator remembers what it made of these two objects, a thousand times a night.
    manifest = project.manifest(house)
    dbt_project = project.dbt_project(house)

    @dbt_assets(
        manifest=manifest,
        project=dbt_project,
        dagster_dbt_translator=translator,
        exclude="resource_type:unit_test",
        required_resource_keys={"night"},
        name="models",
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[Any]:
        night: Night = context.resources.night
        with night.guard("transform"):
            messages = _build(night, manifest, translator, context)
            metadata = _metadata(night, manifest)
            for message in messages:
                unique_id = message.raw_event["data"]["node_info"]["unique_id"]
                for event in message.to_default_asset_events(
                    manifest, translator, context, project.target(house), dbt_project
                ):
                    is_table = isinstance(event, dg.Output)
                    yield event.with_metadata({**event.metadata, **metadata.get(unique_id, {})}) if is_table else event
            _judge(night, json.loads((project.target(house) / "run_results.json").read_text()), manifest)

    return models.map_asset_specs(
        lambda spec: spec.replace_attributes(freshness_policy=project.FRESH) if spec.key.path[0] == "marts" else spec
    )


def _build(
    night: Night, manifest: dict[str, Any], translator: DagsterDbtTranslator, context: dg.AssetExecutionContext
) -> list[DbtCliEventMessage]:
    """Run `dbt build`; returns its results, good and bad."""
    house = night.house
    # What an earlier night left must not be taken for the results of one that died before it wrote any.
    (project.target(house) / "run_results.json").unlink(missing_ok=True)
    os.environ.update(project.environment(house, with_key=True) | {dbt_child.PARENT: str(os.getpid())})
    with connect(house) as warehouse:
        without_rows, loaded = idle.nodes(manifest, night.raw_rows, warehouse), idle.seeds(manifest, warehouse)
    invocation = project.dbt_cli(house).cli(
        idle.build_arguments(manifest, without_rows | loaded) + project.at_a_time(house, sum(night.raw_rows.values())),
        manifest=manifest,
        dagster_dbt_translator=translator,
        context=context,
        target_path=project.target(house),
        raise_on_error=False,
    )
    return _follow(night, invocation, manifest, without_rows, loaded)


def _metadata(night: Night, manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Row count and column lineage of each model and seed, by unique id; notes the rows of the layers on the way."""
    house = night.house
    with connect(house) as warehouse:
        rows = _row_counts(warehouse)
        charts = stream_charts.pictures(warehouse) if ("ops", "stream_days") in rows else ""
        columns = lineage.of_models(
            manifest, project.target(house) / "compiled", warehouse, house.dbt_work / "column_lineage.json"
        )
    _note_layers(night, rows)
    traced = {
        (node["schema"], node["name"]): parents
        for unique_id, node in manifest["nodes"].items()
        if (parents := lineage.BY_HAND.get(node["name"], columns.get(unique_id))) is not None
    }
    origins = column_origins.Origins(traced)
    found: dict[str, dict[str, Any]] = {}
    for unique_id, node in manifest["nodes"].items():
        entry, place = found.setdefault(unique_id, {}), (node["schema"], node["name"])
        if (count := rows.get(place)) is not None:
            entry["dagster/row_count"] = count
        if place in traced:
            entry["dagster/column_lineage"] = lineage.metadata(traced[place])
        if place in traced and node["schema"] == "marts":
            entry["column_lineage"] = dg.MetadataValue.md(origins.markdown(*place))
        if place == ("ops", "stream_days") and charts:
            entry["charts"] = dg.MetadataValue.md(charts)
    return found


def _follow(
    night: Night, invocation: Any, manifest: dict[str, Any], without_rows: set[str], loaded: set[str]
) -> list[DbtCliEventMessage]:
    """Read dbt's events as they come, a progress line a layer, and return those that carry a result."""
    waiting = Counter(
        node["schema"]
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed") and name not in without_rows | loaded
    )
    messages = []
    log = night.house.dbt_work / "last_build.log"
    with open(log, "w") as sink, night.step("transform (dbt)") as step:
        events = iter(invocation.stream_raw_events())
        while True:
            # dagster-dbt prints each of dbt's lines; they belong in the log, not between the progress lines.
            with contextlib.redirect_stdout(sink):
                event = next(events, None)
            if event is None:
                break
            node = event.raw_event["data"].get("node_info", {})
            if not node.get("unique_id") or not event.is_result_event:
                continue
            messages.append(event)
            schema = manifest["nodes"].get(node["unique_id"], {}).get("schema", "")
            if node["resource_type"] in ("model", "seed"):
                waiting[schema] -= 1
                if waiting[schema] == 0 and schema in _TABLE_LAYERS:
                    print(f"    {schema} is built", flush=True)
        if not (project.target(night.house) / "run_results.json").exists() or not messages:
            tail = log.read_text().strip().splitlines()[-12:]
            raise StepFailed(f"dbt ended before it built anything; the last lines of {log}: " + " / ".join(tail))
        step.detail = f"{len(messages)} models and tests"
        if without_rows:
            step.detail += f", {len(without_rows)} without a source's rows left as they are"
    return messages


def _judge(night: Night, results: dict[str, Any], manifest: dict[str, Any]) -> None:
    """Turn dbt's results into the run's record; raise when a model failed or a test refuses."""
    compiled = project.target(night.house) / "compiled"
    errors, failures = [], []
    for result in results["results"]:
        node = manifest["nodes"].get(result["unique_id"], {})
        is_test = node.get("resource_type") == "test"
        if is_test:
            night.tests[result["status"]] = night.tests.get(result["status"], 0) + 1
        if result["status"] == "error":
            errors.append(f"{result['unique_id']}: {result.get('message')}")
        elif result["status"] == "warn":
            print(f"! {node['name']}: {result.get('failures')} rows", flush=True)
        elif result["status"] == "fail":
            failures.append(failure(night, node, result))
            night.failed_tests[node["name"]] = result.get("failures") or 0
    night.table_tests = table_tests.results(results, manifest)
    if errors:
        text = f"dbt could not build {len(errors)} models or tests, first {errors[0]}. "
        text += f"The whole log is {night.house.dbt_work / 'last_build.log'}."
        raise StepFailed(text)
    if failures:
        # The gates on the marts are not reached, and would have written it.
        quality_report.write(night)
        text = "tests on the tables refuse the publication: " + "; ".join(failures[:5])
        text += f" ({len(failures)} in all). Readers keep the publication before; see the test's SQL in {compiled}."
        raise GateRefused(text)


def failure(night: Night, node: dict[str, Any], result: dict[str, Any]) -> str:
    """What a failed test has to say: `sound` asks several things of a table, and its rows tell which was not so."""
    text = f"{node['name']} found {result.get('failures')} rows"
    if (node.get("test_metadata") or {}).get("name") != "sound":
        return text
    with connect(night.house) as warehouse:
        findings = warehouse.execute(result["compiled_code"]).fetchall()
    table = node["attached_node"].rsplit(".", 1)[-1]
    return f"{table}: " + ", ".join(f"{what} ({rows} rows)" for what, rows in findings)


def _row_counts(warehouse: Any) -> dict[tuple[str, str], int]:
    counts = {}
    for schema, table in warehouse.execute(
        "select schema_name, table_name from duckdb_tables() where schema_name in (select unnest($1))",
        [[*_TABLE_LAYERS, "ops"]],
    ).fetchall():
        counts[(schema, table)] = warehouse.execute(f'select count(*) from "{schema}"."{table}"').fetchone()[0]
    return counts


def _note_layers(night: Night, rows: dict[tuple[str, str], int]) -> None:
    for layer in ("staging", "quarantine", "intermediate", "marts"):
        night.layers[layer] = sum(
            count for (schema, table), count in rows.items() if schema == layer and not table.startswith("_")
        )
    night.quarantined = rows.get(("ops", "quarantine"), 0)
