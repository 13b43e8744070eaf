"""The dbt project of a home: where it finds the warehouse."""

from __future__ import annotations

from pathlib import Path

from dagster_project import project
from dagster_project.config import House


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
