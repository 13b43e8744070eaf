"""How a rule file is read: its header, its lines with their numbers. What a line has to say is in the other modules."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from dagster_project.config import ConfigurationError


def rows(file: Path, header: list[str]) -> Iterator[tuple[int, dict[str | None, str | None]]]:
    """The lines of a rule file with their numbers; raises `ConfigurationError` for another header or encoding."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            if reader.fieldnames != header:
                raise ConfigurationError(f"{file}, line 1: the header has to be {','.join(header)}.")
            for row in reader:
                yield reader.line_num, dict(row)
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{file} is not UTF-8 text; save it as UTF-8.") from problem
