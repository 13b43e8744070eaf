"""How the suite is split: tests of one module follow one another on one worker, as they may share a home."""

import pytest


def test_a_module_stays_on_one_worker(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("dist", "no") != "loadgroup" and not hasattr(request.config, "workerinput"):
        pytest.skip("the suite is not split over workers")
    assert request.node.nodeid.endswith("@test_workers")
