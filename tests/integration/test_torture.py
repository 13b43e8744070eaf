"""The short form of `make torture`: each kind of trouble once, on homes of its own; TORTURE_MINUTES gives it longer."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest

from tests.integration.conftest import PROJECT
from tests.torture import short
from tests.torture.homes import Stage, Twin

_SEED = int(os.environ.get("TORTURE_SEED") or 1)
_MINUTES = float(os.environ.get("TORTURE_MINUTES") or 0)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    """A company of sixty after two nights that nobody disturbed."""
    print(f"TORTURE_SEED={_SEED}")
    found = Twin(Stage(tmp_path_factory.mktemp("torture")))
    found.found()
    found.live(2)
    return found


def test_a_night_survives_a_full_disk_damaged_files_and_kills(twin: Twin) -> None:
    figures = short.trouble(twin, random.Random(_SEED))
    print(figures)
    assert figures["kills"]
    assert figures["readers"]["anew"]["answers"] > 20


def test_sixty_corrupted_inputs_change_no_correct_number(twin: Twin) -> None:
    figures = short.inputs(twin, random.Random(_SEED))
    print(figures)
    assert figures["inputs"] == short.INPUTS
    assert {"refused", "quarantined"} <= figures["fates"].keys()


@pytest.mark.skipif(not _MINUTES, reason="asked for with TORTURE_MINUTES")
def test_for_as_long_as_asked() -> None:
    command = [sys.executable, "-m", "tests.torture", "--hours", str(_MINUTES / 60), "--seed", str(_SEED)]
    outcome = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-6000:]
    print(json.loads(outcome.stdout.splitlines()[-1]))
