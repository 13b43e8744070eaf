"""What dbt read for one home serves another, with no path of the first left in it."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest

from dagster_project import project
from dagster_project.config import House


@pytest.fixture
def reads(tmp_path, monkeypatch) -> list[str]:
    """The homes for which dbt was asked to read the project; what it writes then names the home, as dbt's does."""
    asked: list[str] = []

    def read(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
        asked.append(house.home.name)
        place = str(project.folder(house))
        target = project.target(house)
        target.mkdir(parents=True, exist_ok=True)
        node = {"root_path": place, "file": f"{place}/seeds/a.csv", "other": f"{place}2", "columns": ["id", 1, None]}
        (target / "manifest.json").write_text(json.dumps({"nodes": {"seed.a": node}}))
        (target / "semantic_manifest.json").write_text("{}")
        (target / "partial_parse.msgpack").write_bytes(msgpack.packb({"nodes": {"seed.a": node}, 1: b"\x00"}))
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(project, "run_dbt", read)
    monkeypatch.setattr(project, "_SHELF", tmp_path / "shelf")
    return asked


def _home(folder: Path, **settings: str) -> House:
    return replace(House.from_environment({"OMNIHOUSE_HOME": str(folder)}), **settings)


def test_a_second_home_takes_what_dbt_read_for_the_first(reads, tmp_path):
    project.manifest(_home(tmp_path / "first"))
    second = _home(tmp_path / "deep" / "second")
    written = project.manifest(second)

    place = str(project.folder(second))
    node = {
        "root_path": place,
        "file": f"{place}/seeds/a.csv",
        "other": f"{project.folder(_home(tmp_path / 'first'))}2",
        "columns": ["id", 1, None],
    }
    assert reads == ["first"]
    assert written == {"nodes": {"seed.a": node}}
    state = (project.target(second) / "partial_parse.msgpack").read_bytes()
    assert msgpack.unpackb(state, strict_map_key=False) == {"nodes": {"seed.a": node}, 1: b"\x00"}


def test_other_rules_and_settings_are_read_anew(reads, tmp_path):
    project.manifest(_home(tmp_path / "first"))
    project.manifest(_home(tmp_path / "abroad", currency="EUR"))
    own = _home(tmp_path / "own")
    own.rules.mkdir(parents=True)
    (own.rules / "channels.csv").write_text("other,rules\n")
    project.manifest(own)
    project.manifest(own)
    assert reads == ["first", "abroad", "own"]


def test_where_nothing_fits_dbt_goes_on_from_what_it_read_last_in_the_place_of_now(reads, tmp_path, monkeypatch):
    project.manifest(_home(tmp_path / "first"))
    (tmp_path / "first").rename(tmp_path / "moved")
    moved = _home(tmp_path / "moved", currency="EUR")
    begun_with = []

    def read(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
        begun_with.append((project.target(house) / "partial_parse.msgpack").read_bytes())
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(project, "run_dbt", read)
    project.manifest(moved)
    (state,) = begun_with
    assert msgpack.unpackb(state, strict_map_key=False)["nodes"]["seed.a"]["root_path"] == str(project.folder(moved))


def test_without_a_shelf_nothing_of_another_place_is_gone_on_from(reads, tmp_path, monkeypatch):
    first = _home(tmp_path / "first")
    project.manifest(first)
    monkeypatch.setattr(project, "_SHELF", tmp_path / "none")
    first.home.rename(tmp_path / "second")
    monkeypatch.setattr(project, "run_dbt", lambda *_: subprocess.CompletedProcess([], 0, "", ""))
    second = _home(tmp_path / "second")
    project.manifest(second)
    assert not (project.target(second) / "partial_parse.msgpack").exists()


def test_the_shelf_keeps_the_newest_few(reads, tmp_path):
    for currency in ("EUR", "USD", "GBP", "JPY"):
        project.manifest(_home(tmp_path / currency, currency=currency))
    assert len(list((tmp_path / "shelf").iterdir())) == 3
