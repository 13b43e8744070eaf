"""What unit and integration tests share: a PostgreSQL server of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.postgres_cluster import Cluster, NoPostgres, postgres_cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A real PostgreSQL server, started for these tests."""
    try:
        with postgres_cluster() as cluster:
            yield cluster
    except NoPostgres as reason:
        pytest.skip(f"no PostgreSQL server: {reason}")
