"""What the whole suite shares: its options, how it is split over workers, and a PostgreSQL server of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from bench.postgres_cluster import Cluster, NoPostgres, postgres_cluster

# No property test fails because the machine is busy.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-graph", action="store_true", help="write the asset graph as it is into its golden file")


@pytest.hookimpl(tryfirst=True)  # xdist's own hook reads the group
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers a module stays on one, and all that go through the same company's nights on the same one."""
    for item in items:
        has_its_own = hasattr(getattr(item, "module", None), "company")
        shared = {"company", "restated"} & {*getattr(item, "fixturenames", ())}
        item.add_marker(pytest.mark.xdist_group(min(shared) if shared and not has_its_own else item.path.stem))


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
