"""What may be said to each job: told in words where it cannot be, before anything runs."""

import dagster as dg
import pytest

from dagster_project.config import PROJECT, House
from dagster_project.defs.jobs import RunConfig, build_jobs, source_names

SEEN = []


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    house = House(home=tmp_path_factory.mktemp("home"))

    @dg.resource(config_schema=RunConfig.to_config_schema())
    def night(context):
        SEEN.append(context.resource_config)

    @dg.asset(required_resource_keys={"night"})
    def table():
        pass

    made = dg.Definitions(assets=[table], resources={"night": night}, jobs=build_jobs(house))
    return {name: made.resolve_job_def(name) for name in ("nightly", "rebuild", "one_source")}


@pytest.mark.parametrize(
    ("job", "config", "told"),
    [
        ("nightly", {}, {"mode": "next", "retrain": False, "only": ""}),
        ("nightly", {"mode": "again", "retrain": True}, {"mode": "again", "retrain": True}),
        ("nightly", {"run_id": "20260701T020000-0a1b2c"}, {"run_id": "20260701T020000-0a1b2c"}),
        ("rebuild", {"accept_restatement": True}, {"mode": "rebuild", "accept_restatement": True}),
        ("one_source", {"source": "zendesk"}, {"mode": "again", "only": "zendesk", "accept_restatement": False}),
        ("one_source", {"source": "tmall_orders"}, {"only": "tmall_orders"}),
    ],
)
def test_a_job_tells_the_run_what_it_was_told(jobs, job, config, told):
    SEEN.clear()
    assert jobs[job].execute_in_process(run_config=config).success
    assert told.items() <= SEEN[0].items()


@pytest.mark.parametrize(
    ("job", "config", "words"),
    [
        ("nightly", {"mode": "rebuild"}, "not in enum type"),
        ("nightly", {"accept_restatement": "perhaps"}, "Invalid scalar"),
        ("nightly", {"source": "pos"}, "unexpected config entry"),
        ("nightly", {"run_id": "../../elsewhere"}, "run_id"),
        ("one_source", {}, 'Missing required config entry "source"'),
        ("one_source", {"source": "zendeks"}, "not in enum type Source"),
    ],
)
def test_a_wrong_setting_is_refused_with_words(jobs, job, config, words):
    SEEN.clear()
    with pytest.raises(dg.DagsterError) as refused:
        jobs[job].execute_in_process(run_config=config)
    assert words in f"{refused.value} {refused.value.__cause__}"
    assert not SEEN


def test_sources_are_named_with_their_landing_folders_and_a_mapping_of_the_home(tmp_path):
    (tmp_path / "mappings").mkdir()
    mapping = tmp_path / "mappings" / "corner_shop.yml"
    mapping.write_text((PROJECT / "ingestion" / "mappings" / "messages.yml").read_text("utf-8"), "utf-8")
    house = House(home=tmp_path)
    assert {"shopify", "events", "exports", "meta_ads", "corner_shop"} <= set(source_names(house))
    mapping.write_text("files: [")
    assert "meta_ads" in source_names(house)
