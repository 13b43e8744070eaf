"""The dbt project of a home: where it finds the warehouse."""

from __future__ import annotations

from pathlib import Path

from dagster_project import project
from dagster_project.config import House


def test_models_are_built_one_at_a_time_where_two_large_ones_have_no_room(tmp_path: Path):
    house = House(tmp_path, memory="2GB")
    assert project.at_a_time(house, 4_000_000) == []
    assert project.at_a_time(house, 4_000_001) == ["--threads", "1"]
    assert project.at_a_time(House(tmp_path, memory="4GB"), 4_000_001) == []


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
