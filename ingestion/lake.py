"""The raw lake: landing a delivery as text Parquet through dlt, and reading back what was admitted.

dlt writes; it decides nothing. Every landing is a fresh pipeline in a temporary folder, so no state of dlt's survives a
run, and what was pulled and admitted is the ledger's to know. No source's knowledge here.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import pandas  # noqa: F401  (dlt imports it when it first meets a table; two threads doing so at once meet half a module)
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.storages.load_package import create_load_id
from dlt.destinations import filesystem
from dlt.pipeline.exceptions import PipelineStepFailed

from ingestion.arrow_text import complete, time_range, utc_text
from ingestion.source import Delivery, IngestionError, RawTable, Source

_LAYOUT = "{table_name}/{load_id}.{file_id}.{ext}"
_SETTINGS: Mapping[str, Any] = {
    "runtime.dlthub_telemetry": False,
    # dlt logs what its exceptions say once more, tracebacks and all; the caller reports them.
    "runtime.log_level": "CRITICAL",
    "normalize.parquet_normalizer.add_dlt_load_id": True,
    # One resource after the other: a database cursor and an API page are then never held open side by side.
    "extract.next_item_mode": "fifo",
}

# dlt creates a schema's folder with a check and an act; two loads into one new schema would race.
_dataset_lock = threading.Lock()
# Its settings are one document of the process, written with a check and an act as well.
_settings_lock = threading.Lock()


@dataclass(frozen=True)
class Seal:
    """What a lake file is told by for good: it is never written again."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class TableReport:
    """What one load brought to one table. rows_read = rows_landed + rows_rejected; `files` are relative to the lake."""

    rows_read: int
    rows_landed: int
    rows_rejected: int
    files: Mapping[str, Seal]
    cursor_from: str | None
    cursor_to: str | None
    first_record_at: str | None
    last_record_at: str | None


@dataclass(frozen=True)
class LoadReport:
    """What was landed. Every table of a pull is listed, also those without new rows; of a file, those it fed."""

    load_id: str
    source: Source
    source_system: str
    description: str
    file_name: str | None
    content_sha256: str | None
    tables: Mapping[str, TableReport]
    seconds: float
    as_of: datetime
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows_read(self) -> int:
        """Rows of all tables."""
        return sum(table.rows_read for table in self.tables.values())

    def ledger_lines(self, status: str, admitted: bool, error: str | None) -> Iterator[dict[str, Any]]:
        """What the ledger keeps of this load, one line a table; a table's note stands where no error does."""
        for name, table in self.tables.items():
            yield {
                "load_id": self.load_id,
                "source_system": self.source_system,
                "source_table": name,
                "file_name": self.file_name,
                "content_sha256": self.content_sha256,
                "cursor_from": table.cursor_from,
                "cursor_to": table.cursor_to,
                "rows_read": table.rows_read,
                "rows_landed": table.rows_landed,
                "rows_rejected": table.rows_rejected,
                "first_record_at": table.first_record_at,
                "last_record_at": table.last_record_at,
                "as_of": utc_text(self.as_of),
                "admitted": admitted,
                "status": status,
                "error": error or self.notes.get(name),
                "files": list(table.files),
                "seals": {name: vars(seal) for name, seal in table.files.items()},
            }


@dataclass
class _Tally:
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    cursor: datetime | None = None

    def add(self, table: RawTable, data: pa.Table) -> None:
        self.rows += data.num_rows
        if table.record_time and (found := time_range(data.column(table.record_time))):
            self.first = min(found[0], self.first or found[0])
            self.last = max(found[1], self.last or found[1])
        if table.cursor and (found := time_range(data.column(table.cursor))):
            self.cursor = max(found[1], self.cursor or found[1])


@dataclass
class _Stamp:
    """Completes each Arrow table on its way into dlt and counts it."""

    source: Source
    file_name: str | None
    tallies: dict[str, _Tally] = field(default_factory=dict)

    def on(self, resource: Any) -> None:
        default = resource.name

        def stamp(item: pa.Table, meta: Any = None) -> pa.Table | None:
            table = self.source.table(getattr(meta, "table_name", None) or default)
            tally = self.tallies.setdefault(table.name, _Tally())
            if not item.num_rows:
                return None
            data = complete(table, item, self.file_name, tally.rows + 1)
            tally.add(table, data)
            return data

        resource.add_map(stamp)


def land(delivery: Delivery, lake_dir: Path, work_dir: Path) -> LoadReport:
    """Pull a delivery into the lake. Nothing of it is read by anyone before the ledger admits it.

    Raises an IngestionError where the source cannot be read; the lake then has no complete load of it. Several sources
    may be landed side by side in threads.
    """
    started = time.monotonic()
    source = delivery.source
    work_dir.mkdir(parents=True, exist_ok=True)
    _settle()
    scratch = Path(tempfile.mkdtemp(prefix=f"{source.name}-", dir=work_dir))
    stamp = _Stamp(source, delivery.file_name)
    try:
        _create_dataset(lake_dir / source.schema)
        pipeline = dlt.pipeline(
            pipeline_name=scratch.name.replace("-", "_"),
            pipelines_dir=str(scratch),
            destination=filesystem(
                bucket_url=str(lake_dir.resolve()), layout=_LAYOUT, warn_unsafe_layout_separators=False
            ),
            dataset_name=source.schema,
        )
        pipeline.config.restore_from_destination = False
        pipeline.config.enable_runtime_trace = False
        with delivery.pull() as pulled:
            for resource in pulled.resources.values():
                stamp.on(resource)
            extracted = pipeline.extract(pulled, workers=1, loader_file_format="parquet")
        load_id = extracted.loads_ids[0] if extracted.loads_ids else create_load_id()
        if any(tally.rows for tally in stamp.tallies.values()):
            # With one worker each dlt finishes at once; with more its loader sleeps a second a load.
            pipeline.normalize(workers=1)
            pipeline.load(workers=1)
    except PipelineStepFailed as failure:
        raise _reason(failure) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _report(delivery, stamp, load_id, lake_dir, time.monotonic() - started)


def _settle() -> None:
    """Give dlt its settings, once a process: no load reads the document while another one writes it."""
    with _settings_lock:
        document = dlt.config.writable_provider
        for name, value in _SETTINGS.items():
            *sections, key = name.split(".")
            if document.get_value(key, type(value), None, *sections)[0] != value:
                document.set_value(key, value, None, *sections)
        # Its logger was made when it was imported, before it had these settings.
        logging.getLogger("dlt").setLevel(logging.CRITICAL)


def _create_dataset(folder: Path) -> None:
    with _dataset_lock:
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / "init"
        if not marker.exists():
            marker.write_text('{"initial_version":2,"current_version":2}', encoding="utf-8")


def _reason(failure: BaseException) -> BaseException:
    """The error the source raised, out of the wrappers dlt puts around it."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, IngestionError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return failure


def _report(delivery: Delivery, stamp: _Stamp, load_id: str, lake_dir: Path, seconds: float) -> LoadReport:
    source = delivery.source
    landed = {table.name: _landed_files(lake_dir, source, table.name, load_id) for table in source.tables}
    if any(landed.values()) and not _marker(lake_dir, source, load_id).exists():
        raise IngestionError(
            f"{delivery.description}: the load {load_id} was written but not completed. Nothing reads it; run again."
        )
    broken = [table.name for table in source.tables if table.rejects]
    rejected = sum(stamp.tallies[name].rows for name in broken if name in stamp.tallies)
    reports: dict[str, TableReport] = {}
    for table in source.tables:
        if table.rejects or (delivery.feeds and table.name != delivery.feeds and table.name not in stamp.tallies):
            continue
        tally = stamp.tallies.get(table.name, _Tally())
        refused = rejected if table.name == delivery.feeds else 0
        files = [*landed[table.name], *(name for other in broken if refused for name in landed[other])]
        seals = _seal_files(delivery, lake_dir, files, tally.rows + refused)
        cursor = min(tally.cursor, delivery.now) if tally.cursor else None
        reports[table.name] = TableReport(
            rows_read=tally.rows + refused,
            rows_landed=tally.rows,
            rows_rejected=refused,
            files=seals,
            cursor_from=delivery.cursor_from.get(table.name),
            cursor_to=utc_text(cursor) if cursor else None,
            first_record_at=utc_text(tally.first) if tally.first else None,
            last_record_at=utc_text(tally.last) if tally.last else None,
        )
    return LoadReport(
        load_id,
        source,
        delivery.source_system,
        delivery.description,
        delivery.file_name,
        delivery.content_sha256,
        reports,
        seconds,
        delivery.now,
        dict(delivery.notes),
    )


def _marker(lake_dir: Path, source: Source, load_id: str) -> Path:
    return lake_dir / source.schema / "_dlt_loads" / f"{source.name}__{load_id}.jsonl"


def _landed_files(lake_dir: Path, source: Source, table: str, load_id: str) -> list[str]:
    folder = lake_dir / source.schema / table
    return sorted(path.relative_to(lake_dir).as_posix() for path in folder.glob(f"{load_id}.*.parquet"))


def _seal_files(delivery: Delivery, lake_dir: Path, files: Sequence[str], expected: int) -> dict[str, Seal]:
    """Size and checksum of each file. Each row that was read is in one, and all are on disk when the ledger speaks."""
    seals, found = {}, 0
    for name in files:
        with (lake_dir / name).open("rb") as file:
            os.fsync(file.fileno())
            found += pq.ParquetFile(file).metadata.num_rows
        seals[name] = seal(lake_dir / name)
    if found != expected:
        raise IngestionError(
            f"{delivery.description}: {expected} rows were read but {found} landed. The load is not used; run again."
        )
    return seals


def seal(file: Path) -> Seal:
    """Size and checksum of a file, read once and in pieces."""
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        return Seal(handle.tell(), digest)


def complete_loads(lake_dir: Path, source: Source) -> set[str]:
    """The loads of a source that dlt finished writing."""
    prefix = f"{source.name}__"
    markers = (lake_dir / source.schema / "_dlt_loads").glob(f"{prefix}*.jsonl")
    return {path.stem.removeprefix(prefix) for path in markers}


def orphan_files(lake_dir: Path, sources: Iterable[Source], lines: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Lake files no ledger line speaks of: left by a crash, read by nobody."""
    known = {name for line in lines for name in line["files"]}
    folders = {lake_dir / source.schema / table.name for source in sources for table in source.tables}
    return sorted(
        path
        for folder in folders
        for path in folder.glob("*.parquet")
        if path.relative_to(lake_dir).as_posix() not in known
    )


def raw_view_sql(source: Source, table: RawTable, files: Sequence[Path]) -> str:
    """The raw view over admitted files. An empty typed stub stands in for absent files and columns."""
    columns = ", ".join(_quoted(name) for name in (*table.columns, "_extra", "_file_name"))
    stub = ", ".join(f"null::varchar as {_quoted(name)}" for name in (*table.columns, "_extra", "_file_name"))
    stub += ", null::bigint as _row_number, null::varchar as _dlt_load_id"
    rows = f"select {stub} where false"
    if files:
        paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        rows += f"\n  union all by name\n  select * from read_parquet([{paths}], union_by_name=true)"
    return (
        f"create or replace view {_quoted(source.schema)}.{_quoted(table.name)} as\n"
        f"select {columns}, _row_number, _dlt_load_id as _load_id\nfrom (\n  {rows}\n)"
    )


def raw_views(source: Source, admitted: Iterable[Mapping[str, Any]], lake_dir: Path) -> list[str]:
    """The statements that make a source's raw schema and its views over the files of admitted ledger lines."""
    files: dict[str, list[Path]] = {}
    for line in admitted:
        for name in line["files"]:
            schema, table, _ = name.split("/")
            if schema == source.schema:
                files.setdefault(table, []).append(lake_dir.resolve() / name)
    views = [raw_view_sql(source, table, sorted(files.get(table.name, []))) for table in source.tables]
    return [f"create schema if not exists {_quoted(source.schema)}", *views]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
