"""The dbt project of a home: what makes it read anew, and where it finds the warehouse."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dagster_project import project
from dagster_project.config import PROJECT, House


def test_a_home_that_was_moved_is_not_read_anew_and_one_with_other_rules_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    parsed: list[House] = []

    def parse(house: House, *_: str) -> subprocess.CompletedProcess[str]:
        parsed.append(house)
        project.target(house).mkdir(parents=True, exist_ok=True)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(project, "run_dbt", parse)
    first = House(tmp_path / "first")
    for _ in range(2):
        project.manifest(first)
    assert parsed == [first]
    shutil.move(first.home, tmp_path / "moved")
    moved = House(tmp_path / "moved")
    project.manifest(moved)
    assert parsed == [first]
    moved.rules.mkdir(parents=True)
    shipped = (PROJECT / "seeds" / "currencies.csv").read_text()
    (moved.rules / "currencies.csv").write_text(shipped + "\n")
    project.manifest(moved)
    assert parsed == [first, moved]
    project.manifest(House(tmp_path / "moved", currency="EUR"))
    assert len(parsed) == 3


def test_the_warehouse_is_found_from_the_projects_folder_though_that_lies_elsewhere(tmp_path: Path):
    house = House(tmp_path / "home")
    (tmp_path / "fast disk").mkdir()
    house.home.mkdir()
    house.dbt_work.symlink_to(tmp_path / "fast disk")
    project.assemble(house)
    read = project.environment(house)
    for name, place in (("OMNIHOUSE_WAREHOUSE", house.warehouse), ("OMNIHOUSE_TEMP_DIRECTORY", house.spill)):
        assert not Path(read[name]).is_absolute()
        assert (project.folder(house).resolve() / read[name]).resolve() == place.resolve()
