"""The commands that look after a home: is it whole, what waits in quarantine, a copy elsewhere, putting that back.

Only reads the request and prints the outcome, as `cli` does for runs.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import traceback
from pathlib import Path

from dagster_project.config import House
from dagster_project.errors import ConfigurationError

_FAILED = 1


def say(verbose: bool, problem: Exception, code: int) -> int:
    """Print an error as one paragraph, and with its traceback if asked to; returns the exit code."""
    if verbose:
        traceback.print_exc()
    print(textwrap.fill(str(problem), 118), file=sys.stderr)
    return code


def verify(house: House, options: argparse.Namespace) -> int:
    """Say whether lake, decisions and publication are whole."""
    from dagster_project import verify as checks
    from ingestion import IngestionError

    try:
        found = list(checks.problems(house))
    except IngestionError as damage:
        print(textwrap.fill(str(damage), 118))
        return 1
    for problem in found:
        print(textwrap.fill(problem, 118))
    if stray := checks.strays(house):
        print(
            f"{len(stray)} files in the lake belong to no load, left by runs that died; nothing reads them, and they "
            f"may be deleted: {', '.join(stray[:3])}{' …' if len(stray) > 3 else ''}"
        )
    if unsealed := checks.unsealed(house):
        print(
            f"{unsealed} files were landed before the ledger kept checksums; they are readable and have their rows, "
            "and nobody can say more."
        )
    print(
        f"{house.home}: {len(found)} problems" if found else f"{house.home}: lake, decisions and publication are whole"
    )
    return 1 if found else 0


def _folder(name: str, text: str) -> Path:
    if not text.strip():
        raise ConfigurationError(
            f"{name} is not given: name the folder of the backup, such as {name}=/mnt/backup/shop."
        )
    return Path(text).expanduser().resolve()


def backup(house: House, options: argparse.Namespace) -> int:
    """Bring a backup up to date and say how much was new."""
    from dagster_project import backup as backups

    to = _folder("TO", options.to)
    try:
        made = backups.make(house, to)
    except backups.BackupFailed as problem:
        return say(options.verbose, problem, _FAILED)
    total = sum(entry["bytes"] for entry in made.sums.values())
    new = f"{made.copied:,} contents, {made.bytes_copied:,} bytes were new"
    print(f"{to}: {len(made.sums):,} files, {total:,} bytes; {new}")
    return 0


def restore(house: House, options: argparse.Namespace) -> int:
    """Put a backup back, say what is left to do, and check the home."""
    from dagster_project import backup as backups
    from dagster_project import restore as restoring

    try:
        done = restoring.put_back(house, _folder("FROM", options.source))
    except backups.BackupFailed as problem:
        return say(options.verbose, problem, _FAILED)
    print(f"{house.home} is what it was at {done.manifest.made_at}: {done.files:,} files, {done.copied:,} put back")
    if done.set_aside:
        print(f"{done.moved:,} files that the backup does not know are in {done.set_aside}")
    print("Settings at that time; those without a value are secrets, which a backup does not hold:")
    for name, value in done.manifest.settings.items():
        print(f"  {name}{'' if value is None else f'={value}'}")
    outcome = verify(house, options)
    print("The next run builds the warehouse from the lake.")
    return outcome


def quarantine(house: House, options: argparse.Namespace) -> int:
    """List what waits in quarantine, and what to do about it."""
    from dagster_project import quarantine as waiting

    print(waiting.listing(house, options.source.strip(), options.rule.strip()))
    return 0
