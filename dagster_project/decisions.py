"""What cannot be computed again from loads: publications, ids once published, the key of the home.

Appended to `lake/_decisions/`, keyed by run. A decision counts only if its run's release was made current: it is
written before the swap, and the list of publications says afterwards which runs those were. Loads and their admission
are no decisions; the lake's own ledger holds them.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

IDENTITY_SCHEMA = pa.schema(
    [
        ("record_key", pa.string()),
        ("customer_id", pa.string()),
        ("anchor_record_key", pa.string()),
        ("night", pa.int64()),
        ("linked_at", pa.timestamp("us", tz="UTC")),
        ("run_id", pa.string()),
    ]
)


@dataclass(frozen=True)
class Publication:
    """One release that was made current; `night` counts publications, `demo_night` the demo company's nights."""

    run_id: str
    night: int
    demo_night: int
    as_of: str
    published_at: str


class Decisions:
    """The append-only decisions of one home."""

    def __init__(self, lake: Path) -> None:
        self.folder = lake / "_decisions"

    def home_key(self) -> bytes:
        """The key that ids and keyed hashes are made with; random once, then kept."""
        file = self.folder / "home_key"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = self.folder / "home_key.tmp"
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
                handle.write(secrets.token_hex(32) + "\n")
                handle.flush()
                os.fsync(handle.fileno())
            fresh.replace(file)
        return bytes.fromhex(file.read_text().strip())

    def publications(self) -> list[Publication]:
        """Every release ever made current, oldest first; a torn last line, left by a crash, is no publication yet."""
        file = self.folder / "publications.jsonl"
        if not file.exists():
            return []
        found = []
        for line in file.read_bytes().split(b"\n")[:-1]:
            if line.strip():
                found.append(Publication(**json.loads(line)))
        return found

    def add_publication(self, publication: Publication) -> None:
        """Append one publication and wait until the disk has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "publications.jsonl"
        existing = file.read_bytes() if file.exists() else b""
        whole = existing[: existing.rfind(b"\n") + 1]
        with open(file, "r+b" if file.exists() else "wb") as handle:
            handle.truncate(len(whole))
            handle.seek(len(whole))
            handle.write(json.dumps(asdict(publication)).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())

    def identity_files(self) -> list[Path]:
        """The id decisions of published runs only, oldest publication first."""
        folder = self.folder / "identity"
        return [file for run in self.publications() if (file := folder / f"{run.run_id}.parquet").exists()]

    def write_identity(self, warehouse: duckdb.DuckDBPyConnection, run_id: str, night: int) -> int:
        """Append what tonight decides about ids: records new or under another id. Returns the number of rows."""
        rows = warehouse.execute(
            """
            select members.record_key, members.customer_id, members.anchor_record_key, $night as night,
                members.linked_at, $run_id as run_id
            from intermediate.int_identity__members as members
            left join (
                select record_key, max_by(customer_id, night) as customer_id
                from ops.identity_decisions group by record_key
            ) as earlier using (record_key)
            where earlier.customer_id is distinct from members.customer_id
            order by members.record_key
            """,
            {"night": night, "run_id": run_id},
        ).to_arrow_table()
        folder = self.folder / "identity"
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{run_id}.tmp"
        pq.write_table(rows.cast(IDENTITY_SCHEMA), fresh, compression="zstd")
        with open(fresh, "rb") as handle:
            os.fsync(handle.fileno())
        fresh.replace(folder / f"{run_id}.parquet")
        return rows.num_rows

    def drop_unpublished(self) -> list[str]:
        """Remove decisions of runs that never became current; returns their run ids."""
        published = {publication.run_id for publication in self.publications()}
        dropped = []
        for file in (self.folder / "identity").glob("*"):
            if file.stem not in published or file.suffix != ".parquet":
                file.unlink()
                dropped.append(file.stem)
        return dropped
