"""`make verify`: whether lake, decisions and publication are what their records say. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import ingestion
from dagster_project import release
from dagster_project.config import House
from dagster_project.decisions import Decisions


def problems(house: House) -> Iterator[str]:
    """One sentence for each thing that is not as recorded; nothing when all is well."""
    yield from _lake(house)
    yield from _decisions(house)
    yield from _publication(house)


def _lake(house: House) -> Iterator[str]:
    """Every file of an admitted load is there with the bytes it was sealed with, and the load was completed.

    Loads that were refused or withdrawn are read by nobody; withdrawing one is the way out when its file is lost.
    """
    complete: dict[str, set[str]] = {}
    for source in ingestion.sources().values():
        complete.setdefault(source.schema, set()).update(ingestion.complete_loads(house.lake, source))
    for line in ingestion.Ledger(house.lake).admitted_loads():
        where = f"load {line['load_id']}, {line['source_system']} {line['source_table']}"
        found, broken = 0, False
        marked = all(line["load_id"] in complete.get(name.split("/")[0], set()) for name in line["files"])
        if not marked:
            yield f"{where}: the mark of its completion is missing from the lake. Restore the lake from a backup."
        for name in line["files"]:
            problem, rows = _file(house.lake / name, line.get("seals", {}).get(name))
            found, broken = found + rows, broken or problem is not None
            if problem:
                yield f"{where}: {problem}"
        if not broken and found != line["rows_landed"] + line["rows_rejected"]:
            yield f"{where}: {found} rows are in the lake, {line['rows_landed'] + line['rows_rejected']} were recorded."


def _file(file: Path, noted: Mapping[str, Any] | None) -> tuple[str | None, int]:
    """What is wrong with a lake file, if anything, and its rows; one that was never sealed is read to its end."""
    if not file.is_file():
        return f"{file} is missing. Restore it from a backup, or withdraw the load with make reject.", 0
    try:
        if noted is not None:
            if vars(ingestion.seal(file)) != noted:
                return f"{file} was changed since it was landed. Restore it from a backup, or withdraw the load.", 0
            return None, pq.ParquetFile(file).metadata.num_rows
        return None, sum(batch.num_rows for batch in pq.ParquetFile(file).iter_batches())
    except (OSError, pa.ArrowException) as problem:
        return f"{file} cannot be read ({problem}). Restore it from a backup.", 0


def unsealed(house: House) -> int:
    """Files of loads that were landed before checksums were kept: nobody can say whether their bytes changed."""
    lines = ingestion.Ledger(house.lake).admitted_loads()
    return sum(name not in line.get("seals", {}) for line in lines for name in line["files"])


def strays(house: House) -> list[str]:
    """Lake files that no line of the ledger names: a run died before admitting them. Nothing reads them."""
    ledger = ingestion.Ledger(house.lake)
    found = ingestion.orphan_files(house.lake, ingestion.sources().values(), ledger.read())
    return [str(path.relative_to(house.lake)) for path in found]


def _decisions(house: House) -> Iterator[str]:
    """Every decision is there as its publication noted it, and readable; the list of publications is unbroken."""
    yield from Decisions(house.lake).problems()


def _publication(house: House) -> Iterator[str]:
    """The current release holds the bytes that its manifest names."""
    run_id = release.current(house)
    if run_id is None:
        return
    folder = house.published / "releases" / run_id
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as problem:
        yield f"the current publication {folder} has no readable manifest ({problem}). Run again, or make rollback."
        return
    for name, expected in manifest["files"].items():
        file = folder / name
        if not file.is_file():
            yield f"{file} of the current publication is missing. Run again, or make rollback."
        elif release.sha256(file) != expected["sha256"]:
            yield f"{file} of the current publication was changed. Run again, or make rollback."
