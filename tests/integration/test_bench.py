"""The bench at its smallest ends in one JSON object that is complete; times are judged by people, not here."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from bench import comparing
from tests.integration.conftest import PROJECT

PARTS = {"files", "sources", "identity", "stitching", "attribution", "customers"}


def bench(out, **settings):
    given = {
        "BENCH_PERSONS": "300",
        "BENCH_ROUNDS": "1",
        "BENCH_OUT": str(out),
        "OMNIHOUSE_BENCH_HOME": str(out / "home"),
        **settings,
    }
    return subprocess.run(
        [sys.executable, "-m", "bench"], cwd=PROJECT, env={**os.environ, **given},
        capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench")
    done = bench(out)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done.stdout, out


@pytest.fixture(scope="module")
def figures(outcome):
    return json.loads(outcome[0].splitlines()[-1])


def test_the_last_line_is_one_json_object_with_every_part(figures):
    assert {"machine", "persons", "nights", "ratios", *PARTS} == set(figures)
    assert all(figures[part] for part in figures)
    moved = figures["customers"]["following_night"]
    assert moved["people"] > 0
    assert {"rfm", "lifecycle"} <= set(moved["ratio_by_part"])


def test_every_stage_of_a_night_has_seconds_memory_and_bytes_beside_its_yardstick(figures):
    nights = figures["nights"]
    for night in (nights["first_night"], *nights["later_nights"]):
        assert {"lake", "raw views", "transform (dbt)", "gate (marts)", "data docs", "publish"} == set(night["stages"])
        for used in (night, *night["stages"].values()):
            assert {"seconds", "cpu_seconds", "peak_mb", "written_mb"} <= set(used)
        assert night["stages"]["lake"]["rows"] > 0
        assert night["stages"]["publish"]["rows_a_second"] > 0
    assert nights["later_nights"][0]["counted_apart_seconds"] > 0
    assert all(len(times) == 3 for times in nights["beside"]["seconds_least_median_most"].values())


def test_every_target_has_its_ratio(figures):
    wanted = set(comparing.TARGETS) - {"growth_of_ten_times"}  # two sizes, of which the smallest bench has one
    assert wanted <= set(figures["ratios"])
    assert all(value > 0 for value in figures["ratios"].values())


def test_result_and_chart_are_kept_and_nothing_else(outcome):
    names = {path.name for path in outcome[1].iterdir()}
    assert names == {"bench-300.json", "bench-300.svg", "home"}
    assert not list((outcome[1] / "home").iterdir())
    assert ElementTree.parse(outcome[1] / "bench-300.svg").getroot().tag.endswith("svg")


def test_parts_are_measured_one_by_one(figures, tmp_path):
    alone = bench(tmp_path, BENCH_PARTS="files")
    assert alone.returncode == 0, alone.stdout[-3000:] + alone.stderr[-5000:]
    assert set(json.loads(alone.stdout.splitlines()[-1])) == {"machine", "persons", "files", "ratios"}
    (tmp_path / "bench-300.json").write_text(json.dumps(figures))
    beside = json.loads(bench(tmp_path, BENCH_PARTS="files").stdout.splitlines()[-1])
    assert {part: beside[part] for part in PARTS - {"files"}} == {part: figures[part] for part in PARTS - {"files"}}
    assert beside["ratios"] == figures["ratios"]


def test_a_part_that_there_is_not_is_named(tmp_path):
    refused = bench(tmp_path, BENCH_PARTS="files,night")
    assert (refused.returncode, "night; there are nights, files" in refused.stderr) == (2, True)


def test_a_comparison_tells_what_got_a_tenth_slower_by_ratio(figures, tmp_path, capsys):
    later = copy.deepcopy(figures)
    later["ratios"]["publish_to_copy"] *= 1.2
    later["ratios"]["lake_to_read"] *= 1.05
    later["ratios"]["clustering_faster_than_splink"] /= 1.3
    files = tmp_path / "old.json", tmp_path / "new.json"
    for file, found in zip(files, (figures, later), strict=True):
        file.write_text(json.dumps(found))
    assert comparing.main(*map(str, files)) == 1
    said = capsys.readouterr().out
    assert said.startswith("clustering_faster_than_splink")
    assert "publish_to_copy" in said
    assert "lake_to_read" not in said
    assert comparing.main(str(files[0]), str(files[0])) == 0
