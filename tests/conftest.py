"""What the whole suite shares: its options, and a PostgreSQL server of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.postgres_cluster import Cluster, NoPostgres, postgres_cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-graph", action="store_true", help="write the asset graph as it is into its golden file")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A real PostgreSQL server, started for these tests."""
    try:
        with postgres_cluster() as cluster:
            yield cluster
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL server: {reason}")
