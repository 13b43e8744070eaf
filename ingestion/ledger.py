"""The ledger of loads: which file or pull was landed, what came of it, and whether it may be read.

An append-only set of JSON-lines files beside the lake, one a run. A load that has no line never happened, so a crash
between landing and admitting costs one more pull and nothing else. What a load contains belongs in `ingestion/lake.py`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from dlt.common.storages.load_package import create_load_id

from ingestion.lake import LoadReport
from ingestion.source import IngestionError

Status = Literal["admitted", "refused", "failed", "rejected"]
Line = dict[str, Any]

_append_lock = threading.Lock()


class LedgerDamaged(IngestionError):
    """A line in the middle of a ledger file cannot be read; guessing would drop or admit loads silently."""


class Ledger:
    """The ledger of one lake. Cheap to make; every question reads the files anew."""

    def __init__(self, lake_dir: Path) -> None:
        self.folder = lake_dir / "_ledger"

    def append(self, run_id: str, lines: Iterable[Line]) -> None:
        """Write lines durably, in one piece; `run_id` and `recorded_at` are filled in."""
        recorded_at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        records = [{**line, "run_id": run_id, "recorded_at": recorded_at} for line in lines]
        text = "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in records)
        if not text:
            return
        path = self.folder / f"{run_id}.jsonl"
        with _append_lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            created = not path.exists()
            if not created:
                _cut_torn_line(path)
            with path.open("ab", buffering=0) as file:
                file.write(text.encode())
                os.fsync(file.fileno())
            if created:
                _sync_folder(self.folder)

    def record(self, run_id: str, report: LoadReport, status: Status, admitted: bool, error: str | None = None) -> None:
        """What came of a landed load, one line a table."""
        self.append(run_id, report.ledger_lines(status, admitted, error))

    def reject(self, load_id: str, run_id: str) -> list[str]:
        """Withdraw an admitted load; returns its tables, none if no admitted load has this id."""
        lines = [line for line in self.admitted_loads() if line["load_id"] == load_id]
        self.append(run_id, [{**line, "status": "rejected", "admitted": False} for line in lines])
        return [line["source_table"] for line in lines]

    def read(self, until: datetime | None = None) -> list[Line]:
        """The latest line of each (load, table, file), in the order they were first recorded.

        With `until`, as the ledger was at that moment.
        """
        history: list[Line] = []
        for path in sorted(self.folder.glob("*.jsonl")):
            history += _read_file(path)
        history.sort(key=lambda line: line["recorded_at"])
        if until is not None:
            history = [line for line in history if datetime.fromisoformat(line["recorded_at"]) <= until]
        latest: dict[tuple[str, str, str | None], Line] = {}
        for line in history:
            latest[line["load_id"], line["source_table"], line["file_name"]] = line
        return list(latest.values())

    def admitted_loads(self) -> list[Line]:
        """The lines whose files may be read."""
        return [line for line in self.read() if line["admitted"]]

    def cursors(self, source_system: str) -> dict[str, str]:
        """How far each table was pulled, by admitted loads only: what a refused load brought is pulled again."""
        result: dict[str, str] = {}
        for line in self.admitted_loads():
            if line["source_system"] == source_system and line["cursor_to"]:
                table = line["source_table"]
                result[table] = max(result.get(table, ""), line["cursor_to"])
        return result

    def landed_files(self, source_system: str, source_table: str) -> list[Path]:
        """The lake files of a table that may be read."""
        lake = self.folder.parent.resolve()
        return [
            lake / name
            for line in self.admitted_loads()
            if line["source_system"] == source_system and line["source_table"] == source_table
            for name in line["files"]
        ]

    def known_hashes(self) -> dict[str, frozenset[str]]:
        """Per source system the contents that need no further load.

        They are admitted, or a person withdrew them while the file still lies there.
        """
        found: dict[str, set[str]] = {}
        for line in self.read():
            if line["content_sha256"] and (line["admitted"] or line["status"] == "rejected"):
                found.setdefault(line["source_system"], set()).add(line["content_sha256"])
        return {system: frozenset(hashes) for system, hashes in found.items()}

    def refused_hashes(self) -> frozenset[str]:
        """Contents of files whose rows are in the lake and were refused; they lie there until they are mended."""
        return frozenset(
            line["content_sha256"] for line in self.read() if line["status"] == "refused" and line["content_sha256"]
        )


def failed_line(
    source_system: str, error: str, file_name: str | None = None, content_sha256: str | None = None
) -> Line:
    """The line of a delivery that could not be landed; it names no table, and its load id is its own."""
    return {
        "load_id": create_load_id(),
        "source_system": source_system,
        "source_table": "",
        "file_name": file_name,
        "content_sha256": content_sha256,
        "cursor_from": None,
        "cursor_to": None,
        "rows_read": 0,
        "rows_landed": 0,
        "rows_rejected": 0,
        "as_of": None,
        "first_record_at": None,
        "last_record_at": None,
        "admitted": False,
        "status": "failed",
        "error": error,
        "files": [],
        "seals": {},
    }


def _read_file(path: Path) -> Sequence[Line]:
    lines: list[Line] = []
    raw = path.read_bytes().split(b"\n")
    # What follows the last line break was being written when the process died.
    for number, text in enumerate(raw[:-1], start=1):
        try:
            lines.append(json.loads(text))
        except ValueError as error:
            raise LedgerDamaged(
                f"The ledger {path} is damaged at line {number}. Restore the file from a backup, or delete that line: "
                "its load then counts as never made and is pulled again."
            ) from error
    return lines


def _cut_torn_line(path: Path) -> None:
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
