"""What a person is told where a run cannot come to its end, and what such an end must not leave to the next run."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_project import bookkeeping, cli, dagster_storage, lineage, project, release, warehouse
from dagster_project.config import House
from dagster_project.decisions import Decisions
from dagster_project.night import Night
from tests.unit.alert_receivers import webhook


@pytest.fixture
def house(tmp_path):
    found = House(home=tmp_path / "home")
    found.settle(demo=True)
    return found


def test_a_full_disk_is_told_in_a_paragraph_and_by_an_alert(house, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device", str(house.lake))

    monkeypatch.setattr(cli, "_execute", full)
    monkeypatch.delenv("NIGHTS", raising=False)
    monkeypatch.delenv("UNTIL", raising=False)
    with webhook() as hook:
        monkeypatch.setenv("OMNIHOUSE_HOME", str(house.home))
        monkeypatch.setenv("ALERTS__WEBHOOK__URL", hook.url)
        monkeypatch.setenv("DEMO_PERSONS", "5000")
        assert cli.main(["run"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "No space left on device" in said
    assert "Readers keep the publication before" in said
    assert "Traceback" not in said
    assert [alert["kind"] for body in hook.bodies for alert in body["alerts"]] == ["failure"]


def test_a_record_that_cannot_be_written_is_told_by_what_keeps_it_from_that(house, monkeypatch, capsys):
    def denied(*_):
        raise OSError(30, "Read-only file system", str(house.runs))

    monkeypatch.setattr(cli, "_execute", lambda *_: monkeypatch.setattr(Path, "write_text", denied))
    monkeypatch.setenv("OMNIHOUSE_HOME", str(house.home))
    monkeypatch.setenv("DEMO_PERSONS", "5000")
    assert cli.main(["run"]) == 1
    assert "Read-only file system" in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_cannot_be_written_is_told_before_a_run_begins(house, monkeypatch, capsys):
    def denied(*_):
        raise OSError(30, "Read-only file system", str(house.published))

    monkeypatch.setattr(release, "recover", denied)
    monkeypatch.setenv("OMNIHOUSE_HOME", str(house.home))
    monkeypatch.setenv("DEMO_PERSONS", "5000")
    monkeypatch.setenv("UNTIL", "2")
    assert cli.main(["run"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "Read-only file system" in said
    assert "Traceback" not in said


def test_until_counts_a_publication_that_a_crash_kept_from_being_listed(house, monkeypatch):
    folder = house.published / "releases" / "run1"
    folder.mkdir(parents=True)
    noted = {"run_id": "run1", "night": 1, "demo_night": 1, "as_of": "2026-06-30T18:00:00+00:00"}
    (folder / "manifest.json").write_text(json.dumps({**noted, "published_at": "2026-06-30T18:05:00+00:00"}))
    release.make_current(house, "run1")
    assert not Decisions(house.lake).publications()
    assert cli._demo_nights(house) == 1
    assert [one.run_id for one in Decisions(house.lake).publications()] == ["run1"]


def test_a_run_that_died_once_its_release_was_current_keeps_its_row(house):
    for number, run_id in enumerate(("run1", "run2"), 1):
        night = Night(house, run_id, "next", number, number, datetime(2026, 7, number, tzinfo=UTC), True)
        night.gates.append({"suite": "marts", "success": True})
        night.foretell()
    folder = house.published / "releases" / "run1"
    folder.mkdir(parents=True)
    noted = {"run_id": "run1", "night": 1, "demo_night": 1, "as_of": "2026-07-01T00:00:00+00:00"}
    (folder / "manifest.json").write_text(json.dumps({**noted, "published_at": "2026-07-01T00:05:00+00:00"}))
    release.make_current(house, "run1")
    release.recover(house, Decisions(house.lake))
    (kept,) = bookkeeping._earlier(house.runs, "run3")
    assert (kept["run_id"], kept["published"], kept["exit_code"], len(kept["gates"])) == ("run1", True, 0, 1)
    assert [file.name for file in house.runs.iterdir()] == ["run1.json"]


def test_what_was_foretold_of_a_run_goes_with_its_record(house):
    night = Night(house, "run1", "next", 1, 1, datetime(2026, 7, 1, tzinfo=UTC), True)
    night.foretell()
    night.write()
    assert [file.name for file in house.runs.iterdir()] == ["run1.json"]
    assert not json.loads((house.runs / "run1.json").read_text())["published"]


def test_a_damaged_log_of_dagsters_is_set_aside_and_a_whole_one_stays(house):
    for name, content in (("event_log.db", b"noise" * 1000), ("history/runs.db", None)):
        file = house.dagster / name
        file.parent.mkdir(exist_ok=True)
        if content:
            file.write_bytes(content)
        else:
            with closing(sqlite3.connect(file)) as database, database:
                database.execute("create table runs (id)")
    (moved,) = dagster_storage.set_aside_damaged(house)
    assert moved.name == "event_log.db"
    assert moved.read_bytes() == b"noise" * 1000
    assert not (house.dagster / "event_log.db").exists()
    assert (house.dagster / "history" / "runs.db").exists()
    assert dagster_storage.set_aside_damaged(house) == []


def test_a_full_disk_leaves_no_half_seal_that_would_cost_a_rebuild(house, monkeypatch):
    with warehouse.connect(house):
        pass
    warehouse.seal(house)
    kept = house.warehouse.with_suffix(".seal").read_text()

    def full(file, *_):
        open(file, "w").close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        warehouse.seal(house)
    assert house.warehouse.with_suffix(".seal").read_text() == kept


def test_half_a_record_or_half_a_lineage_stops_no_run(house, capsys):
    (house.runs / "a.json").write_text('{"run_id": "a"}')
    (house.runs / "b.json").write_text('{"run_id": "b", "ste')
    assert bookkeeping._earlier(house.runs, "c") == [{"run_id": "a"}]
    assert "b.json cannot be read" in capsys.readouterr().out
    cache = house.dbt_work / "column_lineage.json"
    assert lineage._remembered(cache) == {}
    cache.write_text('{"model.x": {"key"')
    assert lineage._remembered(cache) == {}


def test_half_a_manifest_is_parsed_anew_and_a_whole_one_is_not(house, monkeypatch):
    parsed = []

    def parse(home, *arguments):
        parsed.append(arguments)
        (project.target(home) / "manifest.json").write_text('{"nodes": {}}')
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(project, "run_dbt", parse)
    monkeypatch.setattr(project, "_SHELF", house.home / "shelf")
    project.target(house).mkdir(parents=True)
    for content in (None, None, '{"nodes": {', None):
        if content:
            (project.target(house) / "manifest.json").write_text(content)
        assert project.manifest(house) == {"nodes": {}}
    assert len(parsed) == 2
