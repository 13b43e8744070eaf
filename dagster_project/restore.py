"""Putting a backup back: into a new home, or over the home that it was made of.

The backup is read whole before anything is touched. A home that is being restored carries a mark, and no run starts
until the restore has come to its end. What the backup does not know is set aside, never deleted; what was dropped into
the landing folder since stays there. Not here: how a backup lies.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dagster_project import backup
from dagster_project.backup import BackupFailed, Manifest
from dagster_project.config import House
from dagster_project.errors import ConfigurationError
from dagster_project.lock import HomeLock
from dagster_project.warehouse import discard
from ingestion import seal

MARK = "restoring"
_SHOWN = 3


@dataclass
class Restored:
    """What a restore came to; `set_aside` is the folder of what the backup did not know, if anything."""

    manifest: Manifest
    files: int = 0
    copied: int = 0
    moved: int = 0
    set_aside: Path | None = None


def put_back(house: House, source: Path) -> Restored:
    """Make the home what it was when it was backed up.

    Raises `ConfigurationError`, `BackupFailed` or `AlreadyRunning`.
    """
    manifest = backup.read(source)
    _check_home(house, manifest)
    _check_backup(source, manifest)
    try:
        house.home.mkdir(parents=True, exist_ok=True)
        lock = HomeLock(house.home)
        lock.acquire()
        try:
            return _put_back(house, source, manifest)
        finally:
            lock.release()
    except OSError as problem:
        raise BackupFailed(
            f"{house.home} could not be restored to its end: {problem.strerror or problem} "
            f"({problem.filename or house.home}). No run starts there until it is; mend that and restore again."
        ) from problem


def check_finished(house: House) -> None:
    """Raise `ConfigurationError` in a home whose restore broke off."""
    if (mark := house.home / MARK).exists():
        raise ConfigurationError(
            f"{house.home} is restored by half: the restore from {mark.read_text().strip()} broke off. Run make "
            "restore again with this folder as FROM."
        )


def _put_back(house: House, source: Path, manifest: Manifest) -> Restored:
    home, done = house.home, Restored(manifest, files=len(manifest.files))
    (home / MARK).write_text(f"{source}\n")
    # It may be of a later night than the lake will be; the next run builds it.
    discard(house)
    known = {*manifest.files, *manifest.links}
    for name, path in list(backup.walk(home)):
        is_entry = backup.is_link(name, path) or not path.is_dir()
        if is_entry and name not in known and not name.startswith("landing/"):
            _set_aside(home, name, done)
    for name, mode in manifest.folders.items():
        (home / name).mkdir(parents=True, exist_ok=True)
        (home / name).chmod(mode | 0o700)
    for name, entry in manifest.files.items():
        target, noted = home / name, {key: entry[key] for key in ("bytes", "sha256")}
        if target.is_file() and not target.is_symlink():
            if name.startswith("landing/"):
                continue
            if target.stat().st_size == entry["bytes"] and vars(seal(target)) == noted:
                target.chmod(entry["mode"])
                continue
            _set_aside(home, name, done)
        if vars(backup.copy(backup.object_of(source, entry["sha256"]), target, entry["mode"])) != noted:
            target.unlink()
            raise BackupFailed(f"{backup.object_of(source, entry['sha256'])} changed while it was read. Restore again.")
        done.copied += 1
    # `current` makes the publication visible, so it comes last of the links.
    for name in sorted(manifest.links, key=lambda one: one == "published/current"):
        fresh = home / f"{name}.restoring"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(manifest.links[name])
        os.replace(fresh, home / name)
    for name, mode in manifest.folders.items():
        (home / name).chmod(mode)
    os.sync()
    (home / MARK).unlink()
    return done


def _set_aside(home: Path, name: str, done: Restored) -> None:
    """Move what the backup does not know out of the way, keeping its place."""
    if done.set_aside is None:
        done.set_aside = home / "set_aside" / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    target = done.set_aside / name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / name).rename(target)
    done.moved += 1


def _check_home(house: House, manifest: Manifest) -> None:
    """Raise where the home holds anything of another company, or of nobody knows whom."""
    mark = house.home / MARK
    if mark.exists() or all(path.is_dir() for _, path in backup.walk(house.home)):
        return
    if manifest.home is None or backup.home_id(house) != manifest.home:
        raise ConfigurationError(
            f"{house.home} is not empty, and it is not the home that this backup was made of. Set OMNIHOUSE_HOME to a "
            "new folder."
        )


def _check_backup(source: Path, manifest: Manifest) -> None:
    """Read every object once; raise with what is missing or changed, before anything is touched."""
    damaged = []
    for name, entry in manifest.files.items():
        content = backup.object_of(source, entry["sha256"])
        if not content.is_file():
            damaged.append(f"{name} is missing ({content.name})")
        elif vars(seal(content)) != {key: entry[key] for key in ("bytes", "sha256")}:
            damaged.append(f"{name} was changed ({content.name})")
    if damaged:
        more = f" and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
        raise BackupFailed(
            f"The backup {source} is damaged, so nothing was touched: {'; '.join(damaged[:_SHOWN])}{more}. Use another "
            "copy of the backup."
        )
