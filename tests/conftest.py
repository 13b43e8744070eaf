"""What the whole suite shares: its options, how it is split over workers, and a PostgreSQL server of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from bench.postgres_cluster import Cluster, NoPostgres, postgres_cluster

# No property test fails because the machine is busy.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


# The homes of tests/integration/shared_homes.py, by their fixtures.
SHARED = {"company", "restated", "dropped", "vendors"}
# What takes longest begins first, so that no worker is left alone with it in the end; seconds come last.
LONGEST_FIRST = (
    "company", "test_real_home", "test_conversions", "test_identity_history", "test_identity_quality",
    "test_mapped_people", "test_faults", "test_till_in_postgres", "test_mapped_orders", "test_bench", "restated",
    "dropped", "vendors", "test_online_retail", "test_rfm_of_others", "test_doors", "test_add_a_source",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-graph", action="store_true", help="write the asset graph as it is into its golden file")


@pytest.hookimpl(tryfirst=True)  # xdist's own hook reads the group
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers a module stays on one, and all that go through the same company's nights on the same one."""
    places = {}
    for item in items:
        has_its_own = hasattr(getattr(item, "module", None), "company")
        shared = SHARED & {*getattr(item, "fixturenames", ())}
        group = min(shared) if shared and not has_its_own else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
        places[item] = LONGEST_FIRST.index(group) if group in LONGEST_FIRST else len(LONGEST_FIRST)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (places[item], item.path.parent.name != "integration"))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A case is not called by its bytes: an archive tells the second it was made, and workers must agree on names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A real PostgreSQL server, started for these tests."""
    try:
        with postgres_cluster() as cluster:
            yield cluster
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL server: {reason}")
