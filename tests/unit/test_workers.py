"""How the suite is split: tests of one module follow one another on one worker, as they may share a home."""

import pytest


def test_a_module_stays_on_one_worker(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("dist", "no") != "loadgroup" and not hasattr(request.config, "workerinput"):
        pytest.skip("the suite is not split over workers")
    assert request.node.nodeid.endswith("@test_workers")


@pytest.mark.parametrize("content", [b"one", b"another"])
def test_a_case_is_not_called_by_its_bytes(request: pytest.FixtureRequest, content: bytes) -> None:
    number = 0 if content == b"one" else 1
    assert f"[content{number}]" in request.node.nodeid
