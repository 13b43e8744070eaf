"""A publication on disk: built in its own folder, made current by one rename, kept for a while, returned to.

Readers follow `published/current`; whoever has the old file open keeps reading it undisturbed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from dagster_project import audience_inputs, run_inputs
from dagster_project.config import House
from dagster_project.decisions import Decisions, Publication
from dagster_project.warehouse import PARQUET, literal

if TYPE_CHECKING:
    from dagster_project.night import Night

# The storage format of DuckDB 1.2, which every BI driver in use today opens.
STORAGE_VERSION = "v1.2.0"
PUBLISHED_SCHEMAS = ("marts", "ops")
_PRIVATE = {
    "ops.warehouse_state",
    *(f"ops.{table}" for table in (*run_inputs.DESCRIPTIONS, *audience_inputs.DESCRIPTIONS)),
}
# What the incremental models compare with; it says nothing to a reader.
_PRIVATE_COLUMNS = ["_fingerprint", "_stands_from", "_stands_until"]
_HASHED_AT_A_TIME = 2
# What the manifest says of the publication, so that a crash after the rename loses nothing of it.
_NOTED = ("run_id", "night", "demo_night", "as_of", "published_at", "decisions")
# Of the record of a run, laid by before its release is made current.
FORETOLD = ".foretold"
_FIXED_LINKS = ("omnihouse.duckdb", "parquet", "reports", "exports", "index.html", "restricted", "quality")


@dataclass(frozen=True)
class Description:
    """What a table and its columns mean, in words."""

    text: str
    columns: Mapping[str, str]


_NOTHING_TOLD = Description("", {})
# Columns that say whose rows a table holds.
_SOURCE_COLUMNS = ("source_system", "platform", "source_systems")


def build(
    night: Night, warehouse: duckdb.DuckDBPyConnection, descriptions: Mapping[str, Description]
) -> dict[str, int]:
    """Write a fresh, compact release from the warehouse; nothing is visible to readers yet.

    `descriptions`, by `schema.table`: what readers are told of a table that carries no comment in the warehouse.
    Returns the rows of every published table.
    """
    folder = night.house.published / "releases" / night.run_id
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("parquet", "reports", "exports"):
        (folder / name).mkdir(parents=True)
    (folder / "restricted").mkdir(mode=0o700)
    rows = _copy(warehouse, folder / "omnihouse.duckdb", PUBLISHED_SCHEMAS, descriptions, folder / "parquet")
    _copy(warehouse, folder / "restricted" / "omnihouse_restricted.duckdb", ("restricted",), descriptions, None)
    return rows


def seal(night: Night, rows: dict[str, int], publication: Publication) -> Path:
    """Add the manifest, try the file as a reader would, and make everything durable and read-only."""
    folder = night.house.published / "releases" / night.run_id
    file = folder / "omnihouse.duckdb"
    with duckdb.connect(str(file), read_only=True) as reader:
        for table, expected in rows.items():
            schema, name = table.split(".")
            found = reader.execute(f'select count(*) from "{schema}"."{name}"').fetchone()
            if found is None or found[0] != expected:
                raise RuntimeError(f"{table} has {found} rows in the release and {expected} in the warehouse")
    files = sorted(_files(folder))
    with ThreadPoolExecutor(max_workers=_HASHED_AT_A_TIME) as pool:
        hashes = pool.map(sha256, files)
    manifest: dict[str, Any] = {
        **{name: vars(publication)[name] for name in _NOTED},
        "versions": night.record()["versions"],
        "tables": rows,
        "files": {
            str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": digest}
            for path, digest in zip(files, hashes, strict=True)
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    for path in _files(folder):
        path.chmod(0o400 if "restricted" in path.relative_to(folder).parts else 0o444)
        _sync(path)
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        _sync(path)
    return folder


def make_current(house: House, run_id: str) -> None:
    """The one rename that publishes."""
    published = house.published
    for name in _FIXED_LINKS:
        link = published / name
        if not link.is_symlink():
            link.symlink_to(Path("current") / name)
    fresh = published / "current.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(Path("releases") / run_id)
    os.replace(fresh, published / "current")
    _sync(published)


def current(house: House) -> str | None:
    """The run id of the release that readers see, or None before the first publication."""
    link = house.published / "current"
    return Path(os.readlink(link)).name if link.is_symlink() else None


def current_table(house: House, table: str) -> Path | None:
    """The folder of Parquet files of a table, `marts.orders` say, in the release that readers see."""
    run_id = current(house)
    folder = house.published / "releases" / str(run_id) / "parquet" / table
    return folder if run_id and folder.is_dir() else None


def recover(house: House, decisions: Decisions) -> None:
    """Finish what a crash left half done: note a release that was made current and its run, drop the rest.

    A release counts from the rename on; the list of publications may lag behind it by one.
    """
    listed = {publication.run_id for publication in decisions.publications()}
    run_id = current(house)
    card = house.published / "releases" / str(run_id) / "manifest.json"
    if run_id and run_id not in listed and card.exists():
        manifest = json.loads(card.read_text())
        decisions.add_publication(Publication(**{name: manifest.get(name) for name in _NOTED}))
        listed.add(run_id)
    for foretold in house.runs.glob(f"*{FORETOLD}"):
        record = foretold.with_suffix(".json")
        if foretold.stem in listed and not record.exists():
            foretold.replace(record)
        else:
            foretold.unlink()
    decisions.drop_unpublished()
    releases = house.published / "releases"
    for folder in releases.iterdir() if releases.is_dir() else ():
        if folder.name not in listed:
            _remove(folder)


def prune(house: House, decisions: Decisions) -> None:
    """Keep the newest releases; the current one always stays."""
    order = [publication.run_id for publication in decisions.publications()]
    releases = house.published / "releases"
    kept = set(order[-house.releases_kept :]) | {current(house)}
    for folder in releases.iterdir():
        if folder.name not in kept:
            _remove(folder)


def previous(house: House, decisions: Decisions) -> str | None:
    """The newest kept release before the current one."""
    order = [publication.run_id for publication in decisions.publications()]
    run_id = current(house)
    earlier = order[: order.index(run_id)] if run_id in order else []
    return next((run for run in reversed(earlier) if (house.published / "releases" / run).is_dir()), None)


def sha256(file: Path) -> str:
    """The content hash of a file, read in pieces."""
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _copy(
    warehouse: duckdb.DuckDBPyConnection,
    file: Path,
    schemas: tuple[str, ...],
    descriptions: Mapping[str, Description],
    parquet: Path | None,
) -> dict[str, int]:
    """Copy tables with their comments into a new database file, and to Parquet beside it.

    A table goes to Parquet while the next is copied: either alone leaves processors idle at times.
    """
    rows: dict[str, int] = {}
    warehouse.execute(f"attach '{file}' as release (storage_version '{STORAGE_VERSION}')")
    writing: list[Future[None]] = []
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        for schema, table, comment in warehouse.execute(
            "select schema_name, table_name, comment from duckdb_tables()"
            " where database_name = current_database() and schema_name in (select unnest($1)) order by all",
            [list(schemas)],
        ).fetchall():
            if f"{schema}.{table}" in _PRIVATE:
                continue
            name = f'"{schema}"."{table}"'
            columns = warehouse.execute(
                "select column_name, comment from duckdb_columns() where database_name = current_database()"
                " and schema_name = $1 and table_name = $2 and column_name not in (select unnest($3))"
                " order by column_index",
                [schema, table, _PRIVATE_COLUMNS],
            ).fetchall()
            listed = ", ".join(f'"{column}"' for column, _ in columns)
            warehouse.execute(f'create schema if not exists release."{schema}"')
            warehouse.execute(f"create table release.{name} as select {listed} from {name}")
            counted = warehouse.execute(f"select count(*) from release.{name}").fetchone()
            rows[f"{schema}.{table}"] = counted[0] if counted else 0
            told = descriptions.get(f"{schema}.{table}", _NOTHING_TOLD)
            note = _stale_note(warehouse, name, {column for column, _ in columns})
            if comment := " ".join(filter(None, (comment or told.text, note))):
                warehouse.execute(f"comment on table release.{name} is {literal(comment)}")
            for column, text in columns:
                if text := text or told.columns.get(column):
                    warehouse.execute(f'comment on column release.{name}."{column}" is {literal(text)}')
            if parquet:
                (parquet / f"{schema}.{table}").mkdir()
                target = parquet / f"{schema}.{table}" / "part-0.parquet"
                writing.append(pool.submit(_write_parquet, warehouse.cursor(), f"release.{name}", target))
        for written in writing:
            written.result()
        warehouse.execute("checkpoint release")
    finally:
        pool.shutdown(cancel_futures=True)
        warehouse.execute("detach release")
    return rows


def _write_parquet(cursor: duckdb.DuckDBPyConnection, table: str, file: Path) -> None:
    with cursor:
        cursor.execute(f"copy {table} to '{file}' (format parquet, {PARQUET})")


def _stale_note(warehouse: duckdb.DuckDBPyConnection, table: str, columns: set[str]) -> str:
    """What readers of a table are told of the sources whose rows in it are not of tonight; empty where all are."""
    if not (stale := _stale_sources(warehouse)):
        return ""
    held: set[str] = set()
    for column in columns.intersection(_SOURCE_COLUMNS):
        found = warehouse.execute(f"select distinct {column} from {table} where {column} is not null").fetchall()
        held.update(name for (names,) in found for name in names.split(", "))
    if not (told := [f"{source} (up to {until})" for source, until in stale.items() if source in held]):
        return ""
    return f"STALE in this publication, and at the last good load: {', '.join(told)}; see ops.freshness."


def _stale_sources(warehouse: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The sources that could not be loaded tonight, with the time of the last record that is there of them."""
    if not warehouse.execute(
        "select 1 from duckdb_tables() where schema_name = 'ops' and table_name = 'freshness'"
    ).fetchone():
        return {}
    found = warehouse.execute(
        "select source_system, coalesce(strftime(last_record_at, '%Y-%m-%d %H:%M UTC'), 'no record yet')"
        " from ops.freshness where status = 'stale' order by source_system"
    ).fetchall()
    return dict(found)


def _files(folder: Path) -> list[Path]:
    """What a release holds itself; what it only leads to lies elsewhere and goes on changing."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    # Renamed first, so that a crash half way never leaves something that looks like a release.
    doomed = folder.with_name(f".{folder.name}.removed")
    folder.rename(doomed)
    shutil.rmtree(doomed)
