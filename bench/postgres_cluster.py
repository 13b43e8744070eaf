"""A PostgreSQL server of one's own, for tests and benchmarks: in a temporary folder, gone at the end.

Belongs here: finding an installed PostgreSQL, starting, restarting and stopping it.
Does not belong here: what is put into it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

_PLACES = ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt")
_ACCOUNT = "postgres"


class NoPostgres(Exception):
    """No PostgreSQL server can be started here; the text says why."""


@dataclass
class Cluster:
    """A running server whose superuser `owner` has the password of that name; each client states a password."""

    folder: Path
    programs: Path
    port: int
    owner: str = "owner"

    def url(self, database: str = "postgres", user: str = "owner", password: str = "owner") -> str:
        """A SQLAlchemy URL as a company would set it."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of the superuser that commits each statement."""
        return psycopg.connect(self.url(database), autocommit=True)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `fast` cuts every connection, `immediate` as a crash would."""
        self.control("stop", "-m", mode)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self.control("start", "-l", str(self.folder / "log"), "-o", options)

    def control(self, *arguments: str) -> None:
        """Call pg_ctl."""
        _call(self.programs / "pg_ctl", "-D", str(self.folder / "data"), "-w", *arguments)


def find_programs() -> Path:
    """The folder of initdb and pg_ctl. Raises NoPostgres."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    for place in _PLACES:
        for path in sorted(Path(place).glob("*/bin/initdb"), reverse=True):
            return path.parent
    raise NoPostgres("no initdb is installed; install the package postgresql")


@contextmanager
def postgres_cluster() -> Iterator[Cluster]:
    """A server on a free port of 127.0.0.1. Raises NoPostgres where none can run."""
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="omnihouse-postgres-"))
    try:
        _give_away(folder)
        cluster = Cluster(folder, programs, _free_port())
        password = folder / "password"
        password.write_text(cluster.owner)
        _call(
            programs / "initdb", "-D", str(folder / "data"), "-U", cluster.owner, "--auth=scram-sha-256",
            f"--pwfile={password}", "--no-sync", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give_away(folder: Path) -> None:
    """PostgreSQL refuses to run as root."""
    if os.getuid() == 0:
        try:
            shutil.chown(folder, _ACCOUNT, _ACCOUNT)
        except LookupError:
            raise NoPostgres(f"this is root and there is no account {_ACCOUNT} to run a server as") from None


def _call(program: Path, *arguments: str) -> None:
    account = {"user": _ACCOUNT, "group": _ACCOUNT, "extra_groups": ()} if os.getuid() == 0 else {}
    # pg_ctl's child keeps what it inherits open: a pipe would never end, so what was said goes to a file.
    with tempfile.TemporaryFile() as said:
        outcome = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", check=False,
            timeout=120, **account,  # type: ignore[call-overload]
        )  # fmt: skip
        if outcome.returncode:
            said.seek(0)
            raise NoPostgres(f"{program.name} failed: {said.read().decode(errors='replace').strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    with postgres_cluster() as running:
        print(running.url())
        sys.stdin.read()
