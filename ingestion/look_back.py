"""What an incremental pull has to bring again: the records its look-back window held when they landed before.

A pull begins before the newest change it has seen, so a quiet day is no empty pull; one that brings (almost) nothing of
what was there yesterday shows that the system hides it. What follows from that is for the gates to say.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from ingestion.arrow_text import parse_time
from ingestion.lake import LoadReport
from ingestion.ledger import Ledger
from ingestion.source import RawTable

# Of fewer records a few deletions can be all.
_LEAST_ROWS = 100


def seen_before(ledger: Ledger, report: LoadReport) -> dict[str, int]:
    """For each table that was pulled from a time on: how many records changed since then had landed before.

    Only tables of which that were a hundred at least, and none that the system refused to show.
    """
    pulled = {
        name: since
        for name, table in report.tables.items()
        if report.source.table(name).cursor
        and name not in report.notes
        and (since := parse_time(table.cursor_from or "")) is not None
    }
    if not pulled:
        return {}
    admitted = [line for line in ledger.admitted_loads() if line["source_system"] == report.source_system]
    lake = ledger.folder.parent.resolve()
    found: dict[str, int] = {}
    for name, since in pulled.items():
        files = [
            lake / file
            for line in admitted
            if line["source_table"] == name and (parse_time(line["cursor_to"] or "") or since) >= since
            for file in line["files"]
            if Path(file).parent.name == name
        ]
        if files and (records := _records_since(report.source.table(name), files, since)) >= _LEAST_ROWS:
            found[name] = records
    return found


def _records_since(table: RawTable, files: list[Path], since: datetime) -> int:
    key = ", ".join(f'"{name}"' for name in table.key)
    with duckdb.connect() as database:
        counted = database.execute(
            f"""select count(*) from (
                select distinct {key} from read_parquet($files, union_by_name = true)
                where try_cast("{table.cursor}" as timestamptz) >= cast($since as timestamptz)
            )""",
            {"files": [str(path) for path in files], "since": since},
        ).fetchone()
    return int(counted[0]) if counted else 0
