"""The asset graph against a small golden file: every key, its group, and what it is made from.

After a change that is meant: `python -m pytest tests/architecture --update-graph`, and read the difference.
"""

from pathlib import Path

import pytest

from dagster_project.config import House

GOLDEN = Path(__file__).parent / "asset_graph.txt"


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    from dagster_project.assembly import build_definitions

    return build_definitions(House(home=tmp_path_factory.mktemp("graph")))


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.resolve_asset_graph()


def lines(graph):
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        parents = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        yield (
            f"{key.to_user_string()} [{node.group_name}] <- {parents}"
            if parents
            else (f"{key.to_user_string()} [{node.group_name}]")
        )


def test_the_graph_is_as_written_down(graph, request):
    found = "\n".join(lines(graph)) + "\n"
    if request.config.getoption("--update-graph"):
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text()


def test_group_is_key_prefix(graph):
    for key in graph.get_all_asset_keys():
        assert len(key.path) == 2
        assert graph.get(key).group_name == key.path[0]


def test_everything_is_described_and_owned(graph):
    bare = [
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if not graph.get(key).description or (graph.get(key).is_executable and not graph.get(key).owners)
    ]
    assert not bare


def test_everything_says_its_layer_and_how_near_it_is_to_people(graph):
    tags = {key.to_user_string(): graph.get(key).tags for key in graph.get_all_asset_keys()}
    assert not [key for key, told in tags.items() if not {"layer", "pii"} <= told.keys()]
    near = {key: told["pii"] for key, told in tags.items()}
    assert near["marts/customers"] == near["marts/orders"] == "pseudonymous"
    assert near["marts/kpi_daily"] == near["staging/stg_pos__stores"] == near["seeds/channels"] == "none"
    assert {near[key] for key in near if key.startswith("restricted/")} == {"direct"}
    assert near["raw_shopify/customers"] == near["intermediate/int_identity__assertions"] == "direct"


def test_what_readers_see_has_a_freshness_policy_and_each_table_its_page(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert bool(node.freshness_policy) == (key.path[0] in ("marts", "published")), key
        assert Path(node.metadata["docs"].value).is_file(), key


def test_every_raw_table_leads_to_customers_or_a_fact_and_to_the_publication(graph):
    below = {}

    def reached(key):
        if key not in below:
            below[key] = set()
            for child in graph.get(key).child_keys:
                below[key] |= {child} | reached(child)
        return below[key]

    for key in graph.get_all_asset_keys():
        if key.path[0].startswith("raw_"):
            names = {child.to_user_string() for child in reached(key)}
            assert "published/omnihouse" in names, key
            assert any(name.startswith("staging/") for name in names) or key.path[1] == "broken_lines", key
    for table in ("raw_shopify/customers", "raw_pos/members", "raw_zendesk/users", "raw_events/events"):
        key = next(key for key in graph.get_all_asset_keys() if key.to_user_string() == table)
        assert "marts/customers" in {child.to_user_string() for child in reached(key)}


def test_the_job_of_the_night_holds_every_check(definitions, graph):
    """A check of what no step makes would be left out, and the job could not be started at all."""
    job = definitions.resolve_job_def("nightly")
    assert job.asset_layer.asset_graph.asset_check_keys == graph.asset_check_keys
