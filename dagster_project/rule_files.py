"""Rule files that only the models read, checked before a run so that a mistake is named with its line.

What belongs here: the form of such a file. Rules of stitching are checked by `identity`, mappings by `ingestion`.
"""

from __future__ import annotations

import csv
from pathlib import Path

from dagster_project.config import ConfigurationError

STATUS_MEANINGS = ("paid", "pending", "cancelled", "voided", "refunded", "test")


def check_order_statuses(file: Path) -> None:
    """Raise `ConfigurationError` for a wrong header, an unknown meaning, or a word that stands there twice."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            if reader.fieldnames != ["status", "meaning"]:
                raise ConfigurationError(f"{file}, line 1: the header has to be status,meaning.")
            lines: dict[str, int] = {}
            for row in reader:
                word, meaning = (row["status"] or "").strip().lower(), row["meaning"]
                if not word or meaning not in STATUS_MEANINGS or None in row:
                    raise ConfigurationError(
                        f"{file}, line {reader.line_num}: a line is a word and its meaning, one of "
                        f"{', '.join(STATUS_MEANINGS)}; this one says {row['status']!r}, {meaning!r}."
                    )
                if word in lines:
                    raise ConfigurationError(
                        f"{file}, line {reader.line_num}: {row['status']!r} stands in line {lines[word]} already; "
                        "letters' case does not matter. Keep one of the two."
                    )
                lines[word] = reader.line_num
    except UnicodeDecodeError as problem:
        raise ConfigurationError(f"{file} is not UTF-8 text; save it as UTF-8.") from problem
