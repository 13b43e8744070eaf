"""Homes laid out, run and compared; the twin that nobody disturbs."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psutil

from dagster_project.release import sha256
from tests.integration.conftest import BOOKKEEPING, PROJECT, Home, differences

# The smallest company that has every kind of record: all doors, returns, merges of people, tickets and calls.
PERSONS, COMPANY_SEED = "60", "7"
# So few that old ones are removed within the nights that are tried.
RELEASES = "3"
LONGEST_RUN_SECONDS = 1800
# Tables of `ops` that say what was found in the data, not what a run did.
_OF_THE_DATA = ("quarantine", "reconciliation")

State = dict[str, list[tuple[Any, ...]]]


class Harmed(AssertionError):
    """Something published is wrong, lost, doubled or cannot be read, or a run said nothing that helps."""


@dataclass
class Outcome:
    """How a run ended: its exit code, None where it was killed."""

    code: int | None
    said: str
    seconds: float
    cpu_seconds: float = 0.0


@dataclass
class Running:
    """A run in a session of its own, so that it can be killed with everything it started."""

    home: Home
    arguments: Sequence[str] = ("run",)
    settings: dict[str, str] = field(default_factory=dict)
    # The event before which it kills itself: see `exact`.
    dies_before: tuple[str, str, int] | None = None

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "dagster_project", *self.arguments]
        if self.dies_before:
            event, pattern, number = self.dies_before
            command = [sys.executable, "-m", "tests.torture.exact", event, pattern, str(number), *self.arguments]
        self._log = self.home.path.with_name("run.log")
        self._begun = time.monotonic()
        with open(self._log, "wb") as log:
            self.process = psutil.Popen(
                command,
                cwd=PROJECT,
                env=self.home.environment(**self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def cpu_seconds(self) -> float:
        """Processor time of the run and of everything it started, so far."""
        return cpu_seconds(self.process)

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def dbt(self) -> psutil.Process | None:
        """The child that builds the models, once it is there; before it dbt is asked for its version."""
        try:
            for child in self.process.children(recursive=True):
                words = child.cmdline()
                if "build" in words and any(word.endswith("omnihouse-dbt") for word in words):
                    return child
        except psutil.Error:
            pass
        return None

    def kill(self, alone: bool = False) -> None:
        """SIGKILL to the run and everything it started, or to the run alone."""
        if alone:
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait(self) -> Outcome:
        """Wait for its end; raises `Harmed` where it does not come."""
        try:
            code = self.process.wait(timeout=LONGEST_RUN_SECONDS)
        except psutil.TimeoutExpired:
            self.kill()
            raise Harmed(f"a run did not end in {LONGEST_RUN_SECONDS} s:\n{self._log.read_text()[-3000:]}") from None
        said = self._log.read_text(errors="replace")
        return Outcome(None if code == -signal.SIGKILL else code, said, time.monotonic() - self._begun)


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process and of everything it started; 0 where it is over."""
    total = 0.0
    try:
        for one in (process, *process.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
            if one.pid == process.pid:
                total += times.children_user + times.children_system
    except psutil.Error:
        pass
    return total


def run(home: Home, *arguments: str, **settings: str) -> Outcome:
    """A run to its end."""
    running = Running(home, arguments or ("run",), settings)
    spent = 0.0
    while not running.is_over:
        spent = max(spent, running.cpu_seconds())
        time.sleep(0.2)
    outcome = running.wait()
    outcome.cpu_seconds = spent
    return outcome


def expect(outcome: Outcome, code: int, *words: str) -> Outcome:
    """The outcome, which has to have this exit code and to say these words without a traceback."""
    said = " ".join(outcome.said.split())
    missing = [word for word in words if word not in said]
    if outcome.code != code or missing or "Traceback" in said:
        raise Harmed(f"exit {outcome.code} where {code} was due; not said: {missing}; it said:\n{outcome.said[-4000:]}")
    return outcome


def left_behind(home: Home) -> list[str]:
    """Processes that still work in the home."""
    found = []
    for process in psutil.process_iter():
        try:
            known = process.environ()
            if known.get("OMNIHOUSE_HOME") == str(home.path) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except psutil.Error:
            continue
    return [one for one in found if "tests.torture" not in one or "exact" in one]


def expect_nobody(home: Home, seconds: float = 5) -> None:
    """Nothing that a killed run started may go on; the kernel has a moment to end it."""
    until = time.monotonic() + seconds
    while (found := left_behind(home)) and time.monotonic() < until:
        time.sleep(0.05)
    if found:
        raise Harmed(f"still running after the kill: {found}")


def state(home: Home) -> State:
    """Every row that is published, by schema and table, sorted, without the bookkeeping columns."""
    files = {
        home.published: ("marts", "ops"),
        home.path / "published" / "restricted" / "omnihouse_restricted.duckdb": ("restricted",),
    }
    found: State = {}
    for file, schemas in files.items():
        with duckdb.connect(str(file), read_only=True) as reader:
            reader.execute("set TimeZone = 'UTC'")
            for schema, table in reader.execute(
                "select schema_name, table_name from duckdb_tables() where schema_name in (select unnest($1))",
                [list(schemas)],
            ).fetchall():
                if schema == "ops" and table not in _OF_THE_DATA:
                    continue
                columns = [
                    name
                    for (name,) in reader.execute(
                        "select column_name from duckdb_columns() where schema_name = $1 and table_name = $2",
                        [schema, table],
                    ).fetchall()
                    if name not in BOOKKEEPING
                ]
                listed = ", ".join(f'"{name}"' for name in columns)
                found[f"{schema}.{table}"] = reader.execute(
                    f'select {listed} from "{schema}"."{table}" order by all'
                ).fetchall()
            if "ops" in schemas:
                lost = reader.execute(
                    "select * from ops.conservation where rows_landed <> rows_read"
                    " or rows_read <> rows_staged + rows_superseded + rows_quarantined"
                ).fetchall()
                if lost:
                    raise Harmed(f"rows read are neither staged, superseded nor in quarantine: {lost}")
    return found


def same(wanted: State, found: State, what: str) -> None:
    """Raises `Harmed` with the rows that only one of two states has."""
    if told := differences(wanted, found):
        rows = json.dumps(told, default=str, ensure_ascii=False)[:6000]
        raise Harmed(f"{what}: {len(told)} tables differ from the undisturbed home's: {rows}")


def expect_intact(home: Home) -> str:
    """The run that readers see; raises `Harmed` unless its files have the bytes that were published."""
    current = home.path / "published" / "current"
    folder = current.resolve(strict=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, noted in manifest["files"].items():
        if sha256(folder / name) != noted["sha256"]:
            raise Harmed(f"{folder / name} has other bytes than were published")
    if manifest["run_id"] != folder.name:
        raise Harmed(f"{folder} holds the manifest of {manifest['run_id']}")
    return folder.name


@dataclass
class Stage:
    """The place where homes are laid out: always the same, so that nothing has to be parsed anew for its path."""

    folder: Path
    say: Callable[[str], None] = print

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {"DEMO_PERSONS": PERSONS, "DEMO_SEED": COMPANY_SEED, "OMNIHOUSE_RELEASES": RELEASES}
        self.home = Home(self.folder / "home", settings)

    def keep(self, name: str) -> None:
        """Keep a copy of the home as it is."""
        copy(self.home.path, self.folder / name)

    def lay_out(self, name: str) -> Home:
        """The home as it was kept under this name."""
        copy(self.folder / name, self.home.path)
        return self.home

    @contextmanager
    def on_small_disk(self, name: str, spare_mb: int) -> Iterator[Callable[[], None]]:
        """The home on a file system of its own with so much room left; yields what frees space."""
        megabytes = sum(file.lstat().st_size for file in (self.folder / name).rglob("*")) / 2**20
        size = int(megabytes * 1.02) + 2
        shutil.rmtree(self.home.path, ignore_errors=True)
        self.home.path.mkdir()
        place = str(self.home.path)
        _mount("-t", "tmpfs", "-o", f"size={size + 200}m", "tmpfs", place)
        try:
            shutil.copytree(self.folder / name, self.home.path, symlinks=True, dirs_exist_ok=True)
            used = shutil.disk_usage(place).used
            _mount("-o", f"remount,size={used + spare_mb * 2**20 + 2**16}", place)
            yield lambda: _mount("-o", f"remount,size={size + 1000}m", place)
        finally:
            _unmount(place)


def can_mount() -> bool:
    """Whether this user may mount a file system."""
    return os.geteuid() == 0 and shutil.which("mount") is not None and sys.platform == "linux"


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody may write, not even root."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        _unmount(str(folder))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def _unmount(place: str) -> None:
    for _ in range(50):
        if subprocess.run(["umount", place], check=False, capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "-l", place], check=True)


def copy(source: Path, target: Path) -> None:
    """A home copied with its links and modes."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


@dataclass
class Twin:
    """The undisturbed home: its state after each night, and what a night usually costs."""

    stage: Stage
    states: dict[int, State] = field(default_factory=dict)
    cpu_seconds: dict[int, float] = field(default_factory=dict)

    @property
    def _noted(self) -> Path:
        return self.stage.folder / "twin.pickle"

    def found(self) -> None:
        """The home's first night, from nothing; or the nights of an earlier twin in the same folder."""
        home = self.stage.home
        if self._noted.exists():
            self.states, self.cpu_seconds = pickle.loads(self._noted.read_bytes())
            self.stage.lay_out(f"after{max(self.states)}")
            return
        shutil.rmtree(home.path, ignore_errors=True)
        # Ids are made with a key of the home: one key, the same ids, whoever begins anew.
        key = home.path / "lake" / "_decisions" / "home_key"
        key.parent.mkdir(parents=True)
        key.write_text("5a" * 32 + "\n")
        self.live(1)

    def live(self, nights: int) -> None:
        """Run on until so many nights are published; `after<n>` is kept of the first two and of the last."""
        for night in range(max(self.states, default=0) + 1, nights + 1):
            outcome = expect(run(self.stage.home), 0)
            self.states[night] = state(self.stage.home)
            self.cpu_seconds[night] = outcome.cpu_seconds
            self.stage.say(f"twin: night {night} in {outcome.seconds:.0f} s, {outcome.cpu_seconds:.0f} s of processor")
            if night in (1, 2, nights):
                self.stage.keep(f"after{night}")
                self._noted.write_bytes(pickle.dumps((self.states, self.cpu_seconds)))

    @property
    def usual_cpu_seconds(self) -> float:
        """The least that a night took that was not the first."""
        return min(spent for night, spent in self.cpu_seconds.items() if night > 1)
