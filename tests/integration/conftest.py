"""Runs the whole pipeline as its users do, in homes of its own, and reads what it published."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tests.integration import known_project

if TYPE_CHECKING:
    from tests.integration.restated_company import Restated
    from tests.integration.shared_homes import Dropped, Vendors

PROJECT = Path(__file__).resolve().parents[2]
PERSONS = "150"
# One key for all homes: the same ids and the same people held out, whichever day and machine.
HOME_KEY = "5a" * 32 + "\n"
# The columns that may differ between two ways to the same state.
BOOKKEEPING = {"_loaded_at", "linked_at", "published_at", "run_id", "first_raised_at"}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def stop(server: subprocess.Popen[Any], seconds: float) -> None:
    """End a server and all that it started, which may take so long before it is killed."""
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(seconds)


@dataclass
class Home:
    """One home and the commands a user gives in it."""

    path: Path
    settings: dict[str, str]

    def command(self, *arguments: str, **settings: str) -> list[str]:
        return [sys.executable, "-m", "dagster_project", *arguments]

    def environment(self, **settings: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OMNIHOUSE_", "DEMO_", "SOURCES__", "ALERTS__", "DBT_", "DAGSTER_HOME"))
            and name not in ("NIGHTS", "UNTIL")
        }
        return {**kept, "OMNIHOUSE_HOME": str(self.path), **self.settings, **settings}

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*(arguments or ("run",))),
            cwd=PROJECT,
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def run_killed_at(self, words: str, **settings: str) -> None:
        """A run whose process is killed as soon as it prints these words."""
        process = subprocess.Popen(
            self.command("run"),
            cwd=PROJECT,
            env=self.environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if words in line:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait(timeout=60) == -signal.SIGKILL, f"the run ended before it could be killed at {words!r}"

    def land(self, mappings: Mapping[str, str], files: Mapping[str, Path]) -> None:
        """Give the home a mapping and a file for each name; the files are copied as they are."""
        (self.path / "mappings").mkdir(parents=True)
        for name, text in mappings.items():
            (self.path / "mappings" / f"{name}.yml").write_text(text)
            folder = self.path / "landing" / name
            folder.mkdir(parents=True)
            (folder / files[name].name).write_bytes(files[name].read_bytes())

    def drop(self, texts: Mapping[str, str]) -> None:
        """Put files into the landing zone, by folder and name."""
        for name, text in texts.items():
            file = self.path / "landing" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def record(self) -> dict[str, Any]:
        """The record of the newest run."""
        return json.loads(max((self.path / "runs").glob("*.json")).read_text())

    @property
    def published(self) -> Path:
        return self.path / "published" / "omnihouse.duckdb"

    def query(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.published), read_only=True) as reader:
            reader.execute("set TimeZone = 'UTC'")
            return reader.execute(sql, parameters).fetchall()

    def tables(self, schema: str = "marts") -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table of a schema, sorted, without the bookkeeping columns."""
        found = {}
        with duckdb.connect(str(self.published), read_only=True) as reader:
            reader.execute("set TimeZone = 'UTC'")
            for (table,) in reader.execute(
                "select table_name from duckdb_tables() where schema_name = $1", [schema]
            ).fetchall():
                columns = [
                    name
                    for (name,) in reader.execute(
                        "select column_name from duckdb_columns() where schema_name = $1 and table_name = $2",
                        [schema, table],
                    ).fetchall()
                    if name not in BOOKKEEPING
                ]
                listed = ", ".join(f'"{name}"' for name in columns)
                found[table] = reader.execute(f'select {listed} from "{schema}"."{table}" order by all').fetchall()
        return found


class Release(Home):
    """What a home published last, to be read after later nights as well."""

    def __init__(self, home: Home) -> None:
        super().__init__(home.path, home.settings)
        self.folder = (home.path / "published" / "current").resolve()

    @property
    def published(self) -> Path:
        return self.folder / "omnihouse.duckdb"


def differences(left: dict[str, list[tuple[Any, ...]]], right: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    """Per table the rows that only one side has; empty when both are the same."""
    found = {}
    for table in sorted(set(left) | set(right)):
        told_left, told_right = (set(map(repr, side.get(table, []))) for side in (left, right))
        only_left, only_right = sorted(told_left - told_right), sorted(told_right - told_left)
        if left.get(table) != right.get(table):
            found[table] = {"only left": only_left[:3], "only right": only_right[:3], "rows": (
                len(left.get(table, [])), len(right.get(table, [])))}  # fmt: skip
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The definitions come last: they have to hold after all nights and outages that the others go through."""
    items.sort(key=lambda item: item.path.name.startswith("test_definitions"))


def shared_by_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests that all its workers see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is kept what a home found out about the project: `known_project`."""
    return shared_by_workers(tmp_path_factory) / "known_project"


@pytest.fixture(scope="session")
def make_home(tmp_path_factory: pytest.TempPathFactory, known: Path) -> Callable[..., Home]:
    homes: list[Path] = []

    def make(name: str, **settings: str) -> Home:
        for home in homes:
            known_project.keep(home, known)
        home = tmp_path_factory.mktemp(name) / "home"
        known_project.give(home, known)
        key = home / "lake" / "_decisions" / "home_key"
        key.parent.mkdir(parents=True)
        key.write_text(HOME_KEY)
        homes.append(home)
        return Home(home, settings)

    return make


@pytest.fixture(scope="session")
def company(make_home: Callable[..., Home]) -> Home:
    """The small demo company after its first night."""
    home = make_home("company", DEMO_PERSONS=PERSONS, DEMO_SEED="7")
    outcome = home.run()
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return home


@pytest.fixture(scope="session")
def newest_publication(company: Home) -> None:
    """Readers may have been taken back to an earlier publication; the next run goes on from there."""
    releases = company.path / "published" / "releases"
    if (company.path / "published" / "current").resolve() != max(releases.iterdir()).resolve():
        outcome = company.run(NIGHTS="0")
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.fixture(scope="session")
def restated(make_home: Callable[..., Home]) -> Restated:
    """A company of its own after two nights, with what the second one moved."""
    from tests.integration.restated_company import two_nights

    return two_nights(make_home("restated", DEMO_PERSONS="120", DEMO_SEED="5"))


@pytest.fixture(scope="session")
def dropped(make_home: Callable[..., Home], tmp_path_factory: pytest.TempPathFactory) -> Dropped:
    """A home of a till and files after two nights; `shared_homes` lists them all."""
    from tests.integration import shared_homes

    return shared_homes.dropped(make_home, tmp_path_factory.mktemp("till"))


@pytest.fixture(scope="session")
def vendors(make_home: Callable[..., Home]) -> Iterator[Vendors]:
    """A home that pulled other people's data twice."""
    from tests.integration import shared_homes

    yield from shared_homes.vendors(make_home)
