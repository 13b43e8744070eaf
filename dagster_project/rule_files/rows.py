"""How a rule file is read: header, lines with their numbers, the one line of settings. What a line says: elsewhere."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
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


def only_row(file: Path, header: list[str]) -> tuple[int, dict[str | None, str | None]]:
    """The one line of a file of settings, with its number; raises `ConfigurationError` for none or several."""
    lines = list(rows(file, header))
    if len(lines) != 1:
        raise ConfigurationError(f"{file}: below the header it has {len(lines)} lines; there is one line of settings.")
    return lines[0]


def check_cells(file: Path, line: int, cells: Mapping[str, str], wanted: Mapping[str, tuple[str, str]]) -> None:
    """Raise `ConfigurationError` for a cell that is not written as `wanted`: a pattern, and what it means in words."""
    for name, (pattern, told) in wanted.items():
        if not re.fullmatch(pattern, cells[name]):
            raise ConfigurationError(f"{file}, line {line}: {name} is {cells[name]!r}; write {told}.")


def settings(file: Path, wanted: Mapping[str, tuple[str, str]]) -> tuple[int, dict[str, str]]:
    """The one line of a file of settings with its number; the header is that of `wanted`, which each cell fits."""
    line, row = only_row(file, list(wanted))
    if None in row:
        raise ConfigurationError(f"{file}, line {line}: the line has more cells than the header names.")
    cells = {name: row[name] or "" for name in wanted}
    check_cells(file, line, cells, wanted)
    return line, cells
