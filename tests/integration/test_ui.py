"""`make ui` serves the graph of a finished run, asked as the browser asks: through Dagster's GraphQL."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from tests.integration.conftest import PROJECT, Home, free_port, stop


@pytest.fixture(scope="module")
def ask(company: Home):
    port = free_port()
    server = subprocess.Popen(
        company.command("ui"),
        cwd=PROJECT,
        env=company.environment(OMNIHOUSE_UI_PORT=str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def query(text: str) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql",
            json.dumps({"query": text}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = json.load(answer)
        assert "errors" not in content, content
        return content["data"]

    deadline = time.monotonic() + 120
    while True:
        try:
            if query("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")[
                "repositoriesOrError"
            ]["nodes"]:
                break
        except (urllib.error.URLError, ConnectionError, KeyError):
            pass
        assert server.poll() is None, "the server ended by itself"
        assert time.monotonic() < deadline, "the server did not come up in two minutes"
        time.sleep(1)
    yield query
    stop(server, 60)


def test_lineage_from_every_source_to_customers_and_the_published_file(ask):
    nodes = ask("{ assetNodes { groupName assetKey { path } dependencyKeys { path } } }")["assetNodes"]
    parents = {
        "/".join(node["assetKey"]["path"]): {"/".join(key["path"]) for key in node["dependencyKeys"]} for node in nodes
    }

    def above(key, seen):
        for parent in parents.get(key, ()):
            if parent not in seen:
                seen.add(parent)
                above(parent, seen)
        return seen

    behind_customers = above("marts/customers", set())
    for raw in ("raw_shopify/customers", "raw_shopify/orders", "raw_pos/members", "raw_pos/receipts",
                "raw_zendesk/users", "raw_events/events"):  # fmt: skip
        assert raw in behind_customers
    assert {"staging/stg_shopify__customers", "intermediate/int_identity__clusters"} <= behind_customers
    assert "raw_exports/ad_performance" in above("marts/ad_performance", set())
    assert "marts/customers" in parents["published/omnihouse"]
    assert "sources/shopify" in above("published/omnihouse", set())


def test_a_finished_run_shows_rows_checks_and_column_lineage(ask):
    answer = ask(
        '{ assetNodeOrError(assetKey: {path: ["marts", "customers"]}) { ... on AssetNode {'
        " owners { ... on TeamAssetOwner { team } } description tags { key value }"
        " internalFreshnessPolicy { __typename } metadataEntries { label }"
        " assetMaterializations(limit: 1) { metadataEntries { label ... on IntMetadataEntry { intValue }"
        " ... on TableColumnLineageMetadataEntry"
        " { lineage { columnName columnDeps { assetKey { path } columnName } } } } }"
        " assetChecksOrError { ... on AssetChecks { checks { name"
        " executionForLatestMaterialization { status evaluation { success } } } } } } } }"
    )["assetNodeOrError"]
    assert answer["owners"]
    assert answer["description"].startswith("**Grain: one row per person")
    assert {"key": "pii", "value": "pseudonymous"} in answer["tags"]
    assert answer["internalFreshnessPolicy"]
    assert {"docs", "data_docs"} <= {entry["label"] for entry in answer["metadataEntries"]}
    entries = {entry["label"]: entry for entry in answer["assetMaterializations"][0]["metadataEntries"]}
    assert entries["dagster/row_count"]["intValue"] > 0
    lineage = {column["columnName"]: column["columnDeps"] for column in entries["dagster/column_lineage"]["lineage"]}
    assert any(dep["assetKey"]["path"][0] in ("marts", "intermediate") for dep in lineage["net_revenue"])
    checks = answer["assetChecksOrError"]["checks"]
    assert len(checks) >= 3
    assert all(check["executionForLatestMaterialization"]["evaluation"]["success"] for check in checks)


def test_the_schedule_is_on_at_two_in_the_reporting_zone(ask):
    schedules = ask(
        '{ schedulesOrError(repositorySelector: {repositoryName: "__repository__",'
        ' repositoryLocationName: "dagster_project.definitions"}) { ... on Schedules { results {'
        " name cronSchedule executionTimezone scheduleState { status } } } } }"
    )["schedulesOrError"]["results"]
    assert [(s["cronSchedule"], s["executionTimezone"], s["scheduleState"]["status"]) for s in schedules] == [
        ("0 2 * * *", "Asia/Shanghai", "RUNNING")
    ]


def test_the_sensor_of_landed_exports_is_on_and_a_wrong_setting_is_refused_with_words(ask):
    place = '{ repositoryName: "__repository__", repositoryLocationName: "dagster_project.definitions"'
    sensors = ask(
        f"{{ sensorsOrError(repositorySelector: {place} }}) {{ ... on Sensors {{ results {{"
        " name targets { pipelineName } sensorState { status } } } } }"
    )["sensorsOrError"]["results"]
    assert [(s["name"], s["targets"][0]["pipelineName"], s["sensorState"]["status"]) for s in sensors] == [
        ("all_exports_landed", "nightly", "RUNNING")
    ]
    for job, config, words in (
        ("nightly", "{mode: rebuild}", "not in enum type"),
        ("one_source", "{}", 'Missing required config entry "source"'),
        ("rebuild", "{accept: true}", "unexpected config entry"),
    ):
        refused = ask(
            f'{{ isPipelineConfigValid(mode: "default", pipeline: {place}, pipelineName: "{job}" }},'
            f' runConfigData: "{config}")'
            " { __typename ... on RunConfigValidationInvalid { errors { message } } } }"
        )["isPipelineConfigValid"]
        assert words in refused["errors"][0]["message"], (job, refused)


def test_a_run_launched_from_the_ui_finds_the_demo_company_and_publishes(ask, company: Home):
    """What the schedule and the UI start is the same job, in a process of Dagster's own."""
    before = company.query("select max(run_id) from ops.runs")[0][0]
    launched = ask(
        'mutation { launchRun(executionParams: { selector: { pipelineName: "nightly",'
        ' repositoryName: "__repository__", repositoryLocationName: "dagster_project.definitions" },'
        ' runConfigData: "{mode: again}" })'
        " { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    deadline = time.monotonic() + 300
    status = ""
    while status not in ("SUCCESS", "FAILURE", "CANCELED"):
        assert time.monotonic() < deadline, status
        time.sleep(2)
        status = ask(f'{{ runOrError(runId: "{launched["run"]["runId"]}") {{ ... on Run {{ status }} }} }}')[
            "runOrError"
        ]["status"]
    assert status == "SUCCESS"
    assert company.query("select max(run_id) from ops.runs")[0][0] > before
