"""The dashboards as files: nothing in them leads nowhere, and every table and column they name is one we publish."""

import importlib.util
import re
import shutil

import duckdb
import pytest
import yaml

from dagster_project.config import PROJECT

ASSETS = PROJECT / "bi" / "assets"
SCHEMA_FILES = (PROJECT / "dbt" / "models").rglob("*.yml")


def read(kind):
    return [yaml.safe_load(file.read_text("utf-8")) for file in sorted((ASSETS / kind).glob("*.yaml"))]


@pytest.fixture(scope="module")
def load():
    spec = importlib.util.spec_from_file_location("bi_load", PROJECT / "bi" / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_everything_leads_to_something_that_is_there():
    (database,), datasets, charts, dashboards = map(read, ("databases", "datasets", "charts", "dashboards"))
    assert {dataset["database_uuid"] for dataset in datasets} == {database["uuid"]}
    assert {chart["dataset_uuid"] for chart in charts} == {dataset["uuid"] for dataset in datasets}
    shown = [
        part["meta"]["uuid"]
        for dashboard in dashboards
        for part in dashboard["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    ]
    assert sorted(shown) == sorted(chart["uuid"] for chart in charts)
    assert [dashboard["slug"] for dashboard in dashboards] == ["operational", "strategic", "tactical"]


def test_the_connection_is_read_only_and_locked():
    (database,) = read("databases")
    told = database["extra"]["engine_params"]["connect_args"]
    assert told == {"read_only": True, "config": {"enable_external_access": False, "lock_configuration": True}}
    assert not any(database[name] for name in ("allow_ctas", "allow_cvas", "allow_dml", "allow_csv_upload"))


def test_charts_name_columns_that_are_published_and_metrics_that_their_dataset_has():
    columns = {}
    for file in SCHEMA_FILES:
        for model in (yaml.safe_load(file.read_text("utf-8")) or {}).get("models", ()):
            columns[model["name"]] = {column["name"] for column in model.get("columns", ())}
    from dagster_project import bookkeeping

    columns |= {"freshness": set(bookkeeping._FRESHNESS), "quality_results": set(bookkeeping._QUALITY)}
    datasets = {dataset["uuid"]: dataset for dataset in read("datasets")}
    for chart in read("charts"):
        dataset, told = datasets[chart["dataset_uuid"]], chart["params"]
        metrics = {metric["metric_name"] for metric in dataset["metrics"]}
        assert {*told.get("metrics", ()), *filter(None, [told.get("metric")])} <= metrics, chart["slice_name"]
        groups = told.get("groupby") or []
        named = {*([groups] if isinstance(groups, str) else groups), *told.get("all_columns", ())}
        named |= {told["x_axis"]} if "x_axis" in told else set()
        for condition in told["adhoc_filters"]:
            sql = condition.get("sqlExpression", "")
            named |= {condition["subject"]} if "subject" in condition else set(re.findall(r"[a-z_]{4,}", sql))
        assert named <= columns[dataset["table_name"]], chart["slice_name"]


def test_datasets_get_their_columns_and_comments_from_the_published_file(load, tmp_path):
    shutil.copytree(ASSETS, tmp_path / "assets")
    published = tmp_path / "omnihouse.duckdb"
    with duckdb.connect(str(published)) as writer:
        for dataset in read("datasets"):
            name = f"{dataset['schema']}.{dataset['table_name']}"
            writer.execute(f"create schema if not exists {dataset['schema']}")
            writer.execute(f"create table {name} (month date, value decimal(18, 3))")
            writer.execute(f"comment on table {name} is 'One row a month.'")
            writer.execute(f"comment on column {name}.value is 'What it was.'")
    load.fill(tmp_path / "assets", published)
    dataset = yaml.safe_load((tmp_path / "assets" / "datasets" / "marts.kpi_daily.yaml").read_text())
    assert dataset["description"] == "One row a month."
    assert [(c["column_name"], c["is_dttm"], c["description"]) for c in dataset["columns"]] == [
        ("month", True, None),
        ("value", False, "What it was."),
    ]
    database = yaml.safe_load((tmp_path / "assets" / "databases" / "omnihouse.yaml").read_text())
    assert database["sqlalchemy_uri"] == f"duckdb:///{published}"
    with duckdb.connect(str(published)) as writer:
        writer.execute("drop table ops.freshness")
    with pytest.raises(LookupError, match=r"no table ops\.freshness"):
        load.fill(tmp_path / "assets", published)
