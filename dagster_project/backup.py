"""A copy of all that a home cannot make again, in a folder elsewhere: what belongs in it, how it lies there, making it.

Each content lies once under its checksum in `objects/`, and `manifest.json` says which file of the home it is. Objects
are never written again and the manifest comes last, in one rename, so that a backup that breaks off leaves the one
before. Not here: putting it back (`restore`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_project.config import House
from dagster_project.decisions import HOME_KEY, Decisions
from dagster_project.errors import ConfigurationError
from dagster_project.lock import HomeLock
from ingestion import IngestionError, Ledger, Seal

FORMAT = 1
MANIFEST = "manifest.json"
# What a home cannot make again. Warehouse, dbt's work, Data Docs and Dagster's history come back with the next runs.
COVERED = ("home.json", "lake", "rules", "mappings", "landing", "demo", "runs", "published")
_PASSING = (".tmp", ".new", ".restoring")
_PIECE = 1 << 20


class BackupFailed(Exception):
    """A backup could not be made or put back. The text is a paragraph: what, where, what to do next."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds, by path below the home. `settings`: a value, or None for a secret, which is not kept."""

    made_at: str
    home: str | None
    last_run: str | None
    files: Mapping[str, Mapping[str, Any]]
    links: Mapping[str, str]
    folders: Mapping[str, int]
    settings: Mapping[str, str | None]
    format: int = FORMAT


@dataclass
class Made:
    """What a backup came to; `sums`: what its manifest says of each file."""

    copied: int = 0
    bytes_copied: int = 0
    removed: int = 0
    sums: dict[str, dict[str, Any]] = field(default_factory=dict)


def make(house: House, to: Path) -> Made:
    """Bring the backup in a folder up to date; raises `ConfigurationError`, `BackupFailed` or `AlreadyRunning`."""
    _check_place(house, to)
    lock = HomeLock(house.home)
    lock.acquire()
    try:
        return _make(house, to)
    except IngestionError as problem:
        raise BackupFailed(str(problem)) from problem
    except OSError as problem:
        raise BackupFailed(
            f"The backup in {to} could not be finished: {problem.strerror or problem} ({problem.filename or to}). The "
            "backup that was there before is whole and can be restored. Make room or mend the folder, and run it again."
        ) from problem
    finally:
        lock.release()


def _make(house: House, to: Path) -> Made:
    decisions = Decisions(house.lake)
    runs = [publication.run_id for publication in decisions.publications()]
    before, home = read(to) if (to / MANIFEST).exists() else None, home_id(house)
    if before and (None not in (before.home, home) and before.home != home):
        raise ConfigurationError(f"{to} is the backup of another home. Each home needs a folder of its own.")
    if before and before.last_run and before.last_run not in runs:
        raise ConfigurationError(
            f"{to} holds run {before.last_run}, which {house.home} does not know: it is a copy, or was put back to an "
            "earlier state. Restore that backup, or back this home up into another folder."
        )
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    made, known, folders, links = Made(), dict(_sealed(house)), {}, {}
    for name, noted in known.items():
        if name.startswith("lake/") and not (house.home / name).is_file():
            raise BackupFailed(_lost(house.home / name, noted, "is missing"))
    for name, path in walk(house.home):
        if is_link(name, path):
            links[name] = os.readlink(path)
        elif path.is_dir():
            folders[name] = path.stat().st_mode & 0o777
        else:
            try:
                _store(path, name, known.get(name), to, made)
            except FileNotFoundError:
                # What others drop into the landing folder they may also take away again meanwhile.
                if not name.startswith("landing/"):
                    raise
    manifest = Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        home=home,
        last_run=runs[-1] if runs else None,
        files=made.sums,
        links=links,
        folders=folders,
        settings=_settings(house),
    )
    _write(to, manifest)
    made.removed = _forget(to, {str(entry["sha256"]) for entry in manifest.files.values()})
    return made


def read(folder: Path) -> Manifest:
    """The manifest of a backup; raises `ConfigurationError` where there is none that can be read."""
    file = folder / MANIFEST
    try:
        content = json.loads(file.read_text())
        if content["format"] > FORMAT:
            raise ConfigurationError(f"{folder} was written by a newer Omnihouse. Use that version.")
        manifest = Manifest(**content)
        if any(Path(name).parts[0] not in COVERED or ".." in Path(name).parts for name in manifest.files):
            raise ValueError("it names files outside of a home")
        return manifest
    except FileNotFoundError:
        raise ConfigurationError(f"{folder} holds no backup: there is no {MANIFEST} in it.") from None
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise ConfigurationError(f"{file} cannot be read ({problem}); without it nothing can be restored.") from None


def object_of(folder: Path, digest: str) -> Path:
    """Where a content lies."""
    return folder / "objects" / digest[:2] / digest


def home_id(house: House) -> str | None:
    """What tells a home from others: a hash of its key, which a home without a publication does not have yet."""
    key = house.lake / "_decisions" / HOME_KEY
    return hashlib.sha256(b"backup of " + key.read_bytes().strip()).hexdigest()[:16] if key.exists() else None


def walk(home: Path) -> Iterator[tuple[str, Path]]:
    """Folders, files and links that a backup covers, by name, a folder before what is in it. Links are not followed.

    But for a covered folder itself, which may lie on another disk.
    """
    for covered in COVERED:
        if (top := home / covered).is_dir():
            for folder, folders, files in os.walk(top):
                listed = [Path(folder)]
                folders.sort()
                listed += [Path(folder, one) for one in folders if Path(folder, one).is_symlink()]
                listed += [Path(folder, one) for one in sorted(files) if not one.endswith(_PASSING)]
                yield from ((path.relative_to(home).as_posix(), path) for path in listed)
        elif top.exists():
            yield covered, top


def is_link(name: str, path: Path) -> bool:
    """Whether an entry of `walk` is kept as a link."""
    return path.is_symlink() and name not in COVERED


def copy(source: Path, target: Path, mode: int = 0o600) -> Seal:
    """Copy a file under a passing name, wait for the disk, and rename it; returns what was read."""
    fresh, digest, size = target.with_name(target.name + ".restoring"), hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            open(source, "rb") as reader,
            os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as out,
        ):
            os.fchmod(out.fileno(), mode)
            while piece := reader.read(_PIECE):
                digest.update(piece)
                out.write(piece)
                size += len(piece)
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    fresh.rename(target)
    return Seal(size, digest.hexdigest())


def _store(path: Path, name: str, noted: Mapping[str, Any] | None, to: Path, made: Made) -> None:
    """Have a file's content among the objects. One that is sealed and there already is not read again."""
    status = path.stat()
    if noted is None or status.st_size != noted["bytes"] or not _is_there(to, noted):
        incoming = to / "objects" / "incoming"
        seal = copy(path, incoming)
        if noted is not None and asdict(seal) != noted:
            incoming.unlink()
            raise BackupFailed(_lost(path, noted, "was changed since it was written"))
        noted = asdict(seal)
        if _is_there(to, noted):
            incoming.unlink()
        else:
            target = object_of(to, seal.sha256)
            target.parent.mkdir(exist_ok=True)
            incoming.rename(target)
            made.copied += 1
            made.bytes_copied += seal.bytes
    made.sums[name] = {**noted, "mode": status.st_mode & 0o777}


def _is_there(to: Path, noted: Mapping[str, Any]) -> bool:
    content = object_of(to, noted["sha256"])
    return content.is_file() and content.stat().st_size == noted["bytes"]


def _sealed(house: House) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Files whose size and checksum the home itself has noted: those of the lake, and those of publications."""
    for line in Ledger(house.lake).admitted_loads():
        for name, noted in line.get("seals", {}).items():
            yield f"lake/{name}", noted
    for manifest in (house.published / "releases").glob("*/manifest.json"):
        with suppress(ValueError):
            for name, noted in json.loads(manifest.read_text())["files"].items():
                yield f"published/releases/{manifest.parent.name}/{name}", noted


def _lost(file: Path, noted: Mapping[str, Any], what: str) -> str:
    return (
        f"{file} {what}; it had {noted['bytes']:,} bytes. The backup is left as it was, with the last good state: make "
        "restore puts the file back. If no backup has it, withdraw its load with make reject; make verify names all."
    )


def _check_place(house: House, to: Path) -> None:
    if not house.kind():
        raise ConfigurationError(f"{house.home} has no run behind it, so there is nothing to back up.")
    if to.is_relative_to(house.home) or house.home.is_relative_to(to):
        raise ConfigurationError(f"{to} and the home {house.home} lie in one another. Name a folder elsewhere.")
    if to.exists() and not to.is_dir():
        raise ConfigurationError(f"{to} is a file; name a folder.")
    if to.is_dir() and not (to / MANIFEST).exists():
        strange = sorted(path.name for path in to.iterdir() if path.name != "objects")
        if strange:
            raise ConfigurationError(
                f"{to} holds {strange[0]!r}, which is of no backup. Name an empty or a new folder."
            )


def _settings(house: House) -> dict[str, str | None]:
    """The settings of the home as they are now, without secrets."""
    told: dict[str, str | None] = {
        "OMNIHOUSE_CURRENCY": house.currency,
        "OMNIHOUSE_TIMEZONE": house.timezone,
        "OMNIHOUSE_RELEASES": str(house.releases_kept),
    }
    if house.stale_policy:
        told["OMNIHOUSE_STALE_POLICY"] = ",".join(f"{name}={choice}" for name, choice in house.stale_policy.items())
    secrets = house.secrets()
    for section, groups in (("SOURCES", house.settings), ("ALERTS", house.alerts)):
        for group, values in groups.items():
            for name, value in values.items():
                hidden = any(secret in value for secret in secrets)
                told[f"{section}__{group.upper()}__{name.upper()}"] = None if hidden else value
    return told


def _write(to: Path, manifest: Manifest) -> None:
    """The manifest takes the old one's place when every object is on disk."""
    (to / "objects").mkdir(exist_ok=True)
    for folder in [to / "objects", *(path for path in (to / "objects").iterdir() if path.is_dir())]:
        _sync(folder)
    fresh = to / f"{MANIFEST}.new"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        json.dump(asdict(manifest), handle, indent=1, ensure_ascii=False)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(to / MANIFEST)
    _sync(to)


def _forget(to: Path, wanted: set[str]) -> int:
    """Remove objects that the manifest does not name: of publications long gone, and of a backup that died."""
    gone = [path for path in (to / "objects").rglob("*") if path.is_file() and path.name not in wanted]
    for path in gone:
        path.unlink()
    return len(gone)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
