"""What reading the project taught one home, for the next: dbt's parse and the columns' lineage go by content alone.

To parse the project anew and to read the lineage of its columns is a third of a small home's first night. Whatever does
not fit the other home, such as a rule of its own, dbt and the lineage find out themselves and read again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

FILES = ("column_lineage.json", "target/partial_parse.msgpack", "target/manifest.json", "target/manifest.stamp")


def keep(home: Path, known: Path) -> None:
    """Remember what this home read, if it has read all of it and nothing is remembered yet."""
    if known.exists() or not all((home / "dbt" / name).exists() for name in FILES):
        return
    fresh = known.with_name(f"{known.name}.{os.getpid()}")
    for name in FILES:
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home / "dbt" / name, fresh / name)
    with contextlib.suppress(OSError):  # another worker was first
        fresh.rename(known)


def give(home: Path, known: Path) -> None:
    """Let a new home begin with what is remembered, if anything is."""
    if known.exists():
        shutil.copytree(known, home / "dbt", dirs_exist_ok=True)
