"""The graph that a night leaves beside the warehouse, and the command that explains by it."""

from __future__ import annotations

import stat
import subprocess
import sys

from tests.integration.conftest import PROJECT, Home


def explain(home: Home, left: str, right: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "identity", "explain", left, right, "--graph", str(home.path / "GRAPH.parquet")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_night_leaves_a_private_graph_that_explains_every_customer(company: Home, newest_publication: None):
    graph = company.path / "GRAPH.parquet"
    assert stat.S_IMODE(graph.stat().st_mode) == 0o600
    largest = company.query(
        "select customer_id, min(source_system || '/' || record_type || '/' || source_record_id),"
        " max(source_system || '/' || record_type || '/' || source_record_id)"
        " from marts.customer_identities group by customer_id having count(*) > 3 order by count(*) desc limit 3"
    )
    assert largest
    for customer, first, last in largest:
        outcome = explain(company, first, last)
        assert outcome.returncode == 0, outcome.stderr
        assert f"one customer, {customer}, by" in outcome.stdout.splitlines()[0]
        assert outcome.stdout.count("<- weakest link") == 1
    outcome = explain(company, largest[0][0], largest[1][0])
    assert outcome.returncode == 1, outcome.stderr
    assert "are different customers" in outcome.stdout
    assert outcome.stdout.splitlines()[1].startswith("  - ")
