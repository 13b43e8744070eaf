"""What dbt made of the checkout's project, kept beside it for the next home: reading all of it takes dbt ten seconds.

It is kept by the content of every file, and by the settings that dbt takes in when it reads. Where a project lies is
written into it as well, so that the folder is another one in each copy: dbt would read the seeds of the other home.
Not here: when a home needs it (`project.manifest`).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack

SHELF = "parsed"
_KEPT = 3
_STATE = "partial_parse.msgpack"
_DOCUMENTS = ("manifest.json", "semantic_manifest.json")
_PLACE = "place"


def keep(shelf: Path, digest: str, target: Path, project: Path) -> None:
    """Put what dbt has just read for a home on the shelf; a checkout that nobody may write to has none."""
    with suppress(OSError):
        nodes = json.loads((target / _DOCUMENTS[0]).read_text())["nodes"].values()
        if any(node["root_path"] != str(project) for node in nodes if "root_path" in node):
            return  # dbt calls the place otherwise, so it would not be found to be changed
        shelf.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shelf.parent, ignore_cleanup_errors=True) as folder:
            fresh = Path(folder) / digest
            fresh.mkdir()
            for name in (_STATE, *_DOCUMENTS):
                shutil.copyfile(target / name, fresh / name)
            (fresh / _PLACE).write_text(str(project))
            with suppress(OSError):  # another home's process was first
                fresh.rename(shelf / digest)
        for old in _newest_first(shelf)[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def take(shelf: Path, digest: str, target: Path, project: Path) -> bool:
    """Lay what the shelf has of this content into a home's target folder; False where it has nothing."""
    kept = shelf / digest
    try:
        place = (kept / _PLACE).read_text()
        state = _moved_state(kept, project)
        documents = {name: json.loads((kept / name).read_text()) for name in _DOCUMENTS}
    except (OSError, ValueError):
        return False
    target.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (target / name).write_text(json.dumps(moved(document, place, str(project))))
    (target / _STATE).write_bytes(state)
    return True


def begin(shelf: Path, target: Path, project: Path) -> None:
    """Let dbt begin with what it read last of any content, and read what changed; of another place it keeps nothing."""
    (target / _STATE).unlink(missing_ok=True)
    with suppress(OSError, ValueError):
        for kept in _newest_first(shelf)[:1]:
            target.mkdir(parents=True, exist_ok=True)
            (target / _STATE).write_bytes(_moved_state(kept, project))


def _newest_first(shelf: Path) -> list[Path]:
    return sorted(shelf.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)


def _moved_state(kept: Path, project: Path) -> bytes:
    state = msgpack.unpackb((kept / _STATE).read_bytes(), strict_map_key=False)
    packed: bytes = msgpack.packb(moved(state, (kept / _PLACE).read_text(), str(project)))
    return packed


def moved(value: Any, old: str, new: str) -> Any:
    """The same value with every path in the old folder in the new one."""
    if isinstance(value, str):
        return new + value[len(old) :] if value == old or value.startswith(old + "/") else value
    if isinstance(value, dict):
        return {key: moved(entry, old, new) for key, entry in value.items()}
    if isinstance(value, list):
        return [moved(entry, old, new) for entry in value]
    return value
