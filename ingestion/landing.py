"""Files that people and systems dropped into a landing folder: which there are, and which are new by their content.

Names and times of change lie (a file is copied, touched, dropped twice), so a file is known again by its SHA-256. Files
are read and never changed or moved. What is in a file belongs to the source that reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from ingestion.source import BadDelivery, SourceUnavailable

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", "~")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class LandedFile:
    """A file in a landing folder; `name` is its path relative to the folder that holds all landing folders."""

    path: Path
    name: str
    size: int
    changed_ns: int

    def sha256(self) -> str:
        """The hash of the content, as hexadecimal text."""
        digest = hashlib.sha256()
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as error:
            raise SourceUnavailable(
                f"{self.name} cannot be read ({error.strerror}). Check the file's permissions in {self.path.parent}."
            ) from error
        return digest.hexdigest()

    def check_unchanged(self) -> None:
        """Raises BadDelivery where the file was written to since it was listed: its hash would be another file's."""
        status = self.path.stat()
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed_ns):
            raise BadDelivery(
                f"{self.name} changed while it was read; somebody is still writing it. It is read at the next run."
            )


def landed_files(landing_dirs: Sequence[Path], folder: str, patterns: Iterable[str]) -> list[LandedFile]:
    """Files of one landing folder in the order of their names, which usually hold a date: later files win over earlier.

    Symlinks, hidden files and unfinished copies are not files that were dropped.
    """
    wanted = tuple(patterns)
    found: list[LandedFile] = []
    for root in landing_dirs:
        base = root / folder
        for path in base.rglob("*") if base.is_dir() and not base.is_symlink() else ():
            inside = path.relative_to(base)
            if any(part.startswith(".") for part in inside.parts) or path.name.lower().endswith(_UNFINISHED):
                continue
            if any((base / Path(*inside.parts[:depth])).is_symlink() for depth in range(1, len(inside.parts) + 1)):
                continue
            if not path.is_file() or not any(fnmatch(path.name, pattern) for pattern in wanted):
                continue
            status = path.stat()
            found.append(LandedFile(path, path.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns))
    return sorted(found, key=lambda file: file.name)


def new_files(files: Iterable[LandedFile], known: frozenset[str]) -> Iterator[tuple[LandedFile, str]]:
    """Files whose content is not known yet, with their hash; the same content under a second name is left out."""
    seen = set(known)
    for file in files:
        digest = file.sha256()
        if digest not in seen:
            seen.add(digest)
            yield file, digest
