"""What dbt made of the checkout's project, kept beside it for the next home: reading all of it takes dbt ten seconds.

It is kept by the content of every file, and by the settings that dbt takes in when it reads. Where a project lies is
written into it as well, so that the folder is another one in each copy: dbt would read the seeds of the other home.
Not here: when a home needs it (`project.manifest`).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgpack

SHELF = "parsed"
_KEPT = 3
_STATE = "partial_parse.msgpack"
_DOCUMENTS = ("manifest.json", "semantic_manifest.json")
_PLACE = "place"


def forget(target: Path) -> None:
    """Let dbt read everything anew."""
    (target / _STATE).unlink(missing_ok=True)


def keep(shelf: Path, digest: str, target: Path, project: Path) -> None:
    """Put what dbt has just read for a home on the shelf; a checkout that nobody may write to has none."""
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=shelf))
        for name in (_STATE, *_DOCUMENTS):
            shutil.copyfile(target / name, fresh / name)
        (fresh / _PLACE).write_text(str(project))
        if (shelf / digest).exists():
            shutil.rmtree(fresh)
        else:
            fresh.replace(shelf / digest)
        for old in sorted(shelf.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return


def take(shelf: Path, digest: str, target: Path, project: Path) -> bool:
    """Lay what the shelf has of this content into a home's target folder; False where it has nothing."""
    kept = shelf / digest
    try:
        place = (kept / _PLACE).read_text()
        state = msgpack.unpackb((kept / _STATE).read_bytes(), strict_map_key=False)
        documents = {name: json.loads((kept / name).read_text()) for name in _DOCUMENTS}
    except OSError:
        return False
    target.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (target / name).write_text(json.dumps(moved(document, place, str(project))))
    (target / _STATE).write_bytes(msgpack.packb(moved(state, place, str(project))))
    return True


def moved(value: Any, old: str, new: str) -> Any:
    """The same value with every path in the old folder in the new one."""
    if isinstance(value, str):
        return new + value[len(old) :] if value == old or value.startswith(old + "/") else value
    if isinstance(value, dict):
        return {key: moved(entry, old, new) for key, entry in value.items()}
    if isinstance(value, list):
        return [moved(entry, old, new) for entry in value]
    return value
