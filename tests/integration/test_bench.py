"""The benchmarks run at a small size and end in one JSON object; what they measure is judged by people, not here."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.integration.conftest import PROJECT


def test_the_last_line_is_one_json_object_with_every_part():
    outcome = subprocess.run(
        [sys.executable, "-m", "bench"], cwd=PROJECT, env={**os.environ, "BENCH_SHARE": "0.005"},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    figures = json.loads(outcome.stdout.splitlines()[-1])
    assert {"machine", "files", "sources", "identity", "attribution", "customers"} == set(figures)
    assert all(figures[part] for part in figures)
    moved = figures["customers"]["following_night"]
    assert moved["people"] > 0
    assert {"rfm", "lifecycle"} <= set(moved["ratio_by_part"])
