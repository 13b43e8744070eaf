"""RFM as of a past day, as a publication knew it: what that night published, and a cause for each later difference.

The questions are put after the second night of the company, to which all that can move a past day has happened.
"""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.rfm_causes import CAUSES
from dagster_project.rfm_known_at import COLUMNS
from tests.integration.conftest import Home
from tests.integration.restated_company import Restated


def contents(home: Home) -> dict[str, str]:
    """A checksum of every file that is the home's own; its lock is none."""
    return {
        str(file.relative_to(home.path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(home.path.rglob("*"))
        if file.is_file() and not file.is_symlink()
    }


def nights(home: Home) -> list[tuple[str, Path]]:
    """Run and published file of each publication, oldest first."""
    return [
        (folder.name, folder / "omnihouse.duckdb")
        for folder in sorted((home.path / "published" / "releases").iterdir())
    ]


def published(file: Path, condition: str = "is_tonight") -> list[tuple[Any, ...]]:
    """What a publication showed, as an answer has it."""
    with duckdb.connect(str(file), read_only=True) as reader:
        return reader.execute(
            f"select {', '.join(COLUMNS)} from marts.customer_rfm where {condition} order by customer_id"
        ).fetchall()


def test_as_known_then_is_what_the_night_published(restated: Restated, tmp_path: Path):
    """Through the rules of that night: the company has others by now. And nothing of the home is touched."""
    home, out = restated.home, tmp_path / "rfm.parquet"
    (run, first), _ = nights(home)
    ((day,),) = (
        duckdb.connect(str(first), read_only=True).sql("select max(as_of_date) from marts.customer_rfm").fetchall()
    )
    rules = home.path / "rules" / "rfm_config.csv"
    rules.write_text("method,bins,closed,offset,window_days,min_people,segments\npercentiles,3,left,1,90,1,klaviyo\n")
    before = contents(home)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    try:
        asked = home.run("rfm", "--as-of", str(day), "--known-at", run, "--out", str(out), TMPDIR=str(scratch))
        assert asked.returncode == 0, asked.stdout + asked.stderr
        assert "equals what that run published, row for row" in asked.stdout
        assert contents(home) == before
    finally:
        rules.unlink()
    assert list(scratch.iterdir()) == []
    rows = duckdb.sql(f"from '{out}'").fetchall()
    assert rows == published(first)
    assert len(rows) > 50


def test_as_known_now_each_difference_has_its_cause(restated: Restated):
    home = restated.home
    (run, first), _ = nights(home)
    ((day,),) = (
        duckdb.connect(str(first), read_only=True).sql("select max(as_of_date) from marts.customer_rfm").fetchall()
    )
    asked = home.run("rfm", "--as-of", str(day), "--known-at", "now")
    assert asked.returncode == 0, asked.stdout[-2000:] + asked.stderr
    *lines, counted = asked.stderr.splitlines()
    named = dict(re.fullmatch(r"(c_\w+): .*: ([a-z_, ]+)", line).groups() for line in lines)
    # The rows of the one and of the other publication, the day once as it was published and once as it is known now.
    then = {row[0]: row[1:-1] for row in published(first)}
    now = {
        row["customer_id"]: tuple(row[name] for name in COLUMNS[1:-1])
        for row in csv.DictReader(asked.stdout.splitlines())
    }
    as_text = {person: tuple("" if cell is None else str(cell) for cell in row) for person, row in then.items()}
    assert named.keys() == {person for person in as_text.keys() | now.keys() if as_text.get(person) != now.get(person)}
    causes = {person: set(found.split(", ")) for person, found in named.items()}
    assert set.union(*causes.values()) <= {*CAUSES}
    assert [cause for person in restated.merged for cause in sorted(causes.get(person, ()))].count("identity") == 2
    assert "late_record" in causes[restated.late]
    assert "refund" in causes[restated.returned]
    assert "fx" in causes[restated.revalued]
    assert any(found == {"bins_moved"} for found in causes.values())
    assert f"{len(named)} not as run {run}" in counted.replace("\n", " ")


@pytest.mark.parametrize("night", ["3", "2026-01-01", "20260101T000000-abcdef"])
def test_a_night_that_never_was_is_refused_with_those_that_were(restated: Restated, night: str):
    asked = restated.home.run("rfm", "--as-of", "2026-06-30", "--known-at", night)
    assert asked.returncode == 2
    assert f"No publication is called '{night}'" in asked.stderr.replace("\n", " ")
    assert "numbers 1 to 2" in asked.stderr.replace("\n", " ")
