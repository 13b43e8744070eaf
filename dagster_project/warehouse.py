"""The private warehouse file: opening it, and deciding whether it can be carried on.

The file is disposable. It is made anew from the lake whenever carrying it on could leave a row that a fresh build would
not have: it cannot be read or has other bytes than the last run left, the models, rules or reporting settings changed,
a load that it used was withdrawn, or it is of a later time than tonight's.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from dagster_project.config import PROJECT, STATE_VERSION, House

_MODEL_SCHEMAS = ("staging", "quarantine", "seeds", "intermediate", "marts", "restricted", "ops")
_CODE_THAT_SHAPES_ROWS = (
    ("dbt", "**/*.sql"),
    ("dbt", "**/*.py"),
    ("dbt", "dbt_project.yml"),
    ("identity", "*.py"),
    ("attribution", "*.py"),
    ("prediction", "*.py"),
)
# How tables are written for others: level 1, and no dictionary of texts beyond 100 kB, take up to a fifth less time
# than what is usual, and the files are no larger.
PARQUET = "compression zstd, compression_level 1, string_dictionary_page_size_limit 100000"
# Whose change restates the rows that it touches, and no others; all but those of tags are built anew each night.
_RULES_THAT_RESTATE = ("tag_rules.csv", "audiences.csv", "contact_policy.csv", "consents.csv", "suppressions.csv")


@contextmanager
def connect(house: House, file: Path | None = None, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse (or another file) with the home's limits; times are UTC. Closed at the end."""
    connection = duckdb.connect(str(file or house.warehouse), read_only=read_only)
    try:
        for name, value in (
            ("memory_limit", house.memory_limit),
            ("temp_directory", str(house.spill)),
            ("TimeZone", "UTC"),
            ("autoinstall_known_extensions", "false"),
        ):
            connection.execute(f"set {name} = '{value}'")
        yield connection
    finally:
        connection.close()


def literal(text: str) -> str:
    """A text as SQL writes it, where a statement takes no parameter."""
    return "'" + text.replace("'", "''") + "'"


def fingerprint(house: House, seeds: Path) -> str:
    """What the rows depend on besides the lake and the decisions."""
    settings = f"{STATE_VERSION} {house.currency} {house.timezone} {duckdb.__version__}"
    rules = [file for file in seeds.iterdir() if file.name not in _RULES_THAT_RESTATE]
    return _digest(settings, _code_that_shapes_rows() + sorted(rules))


def code_version() -> str:
    """The version of the models and of what they call, whatever the rules and settings are."""
    return _digest(duckdb.__version__, _code_that_shapes_rows())


def _code_that_shapes_rows() -> list[Path]:
    return sorted(file for folder, pattern in _CODE_THAT_SHAPES_ROWS for file in (PROJECT / folder).glob(pattern))


def _digest(text: str, files: Iterable[Path]) -> str:
    digest = hashlib.sha256(text.encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def discard(house: House) -> None:
    """Throw the warehouse away; the lake and the decisions hold everything."""
    for file in (*_files(house), _seal_of(house)):
        file.unlink(missing_ok=True)


def seal(house: House) -> None:
    """Note the bytes that a run leaves, so that the next one sees whether they are still the same.

    DuckDB sees damage only in the blocks that it happens to read. A run that is killed notes nothing, and the next one
    goes on with what DuckDB had committed.
    """
    if house.warehouse.exists():
        # On a full disk half a seal would cost the next run a rebuild; none costs nothing.
        fresh = house.warehouse.with_suffix(".sealing")
        fresh.write_text(_checksum(house))
        fresh.replace(_seal_of(house))


def _seal_of(house: House) -> Path:
    return house.warehouse.with_suffix(".seal")


def _files(house: House) -> tuple[Path, Path]:
    return house.warehouse, house.warehouse.with_name(house.warehouse.name + ".wal")


def _checksum(house: House) -> str:
    """A checksum against accidents, not against people: it costs a third of what a hash does."""
    checksum = 0
    for file in _files(house):
        if file.exists():
            with open(file, "rb") as handle:
                while chunk := handle.read(1 << 22):
                    checksum = zlib.crc32(chunk, checksum)
    return f"{checksum:08x}"


def carry_on(
    house: House, wanted_fingerprint: str, admitted: Iterable[str], as_of: datetime | None = None
) -> str | None:
    """Leave a warehouse that tonight's models can go on with.

    Returns None when the file of the last run serves, else the reason why it was thrown away and is built anew.
    """
    exists = house.warehouse.exists()
    reason = _reason_to_rebuild(house, wanted_fingerprint, set(admitted), as_of) if exists else "it is new"
    if reason:
        discard(house)
    _seal_of(house).unlink(missing_ok=True)
    with connect(house) as warehouse:
        for schema in _MODEL_SCHEMAS:
            warehouse.execute(f"create schema if not exists {schema}")
        warehouse.execute(
            "create or replace table ops.warehouse_state as select $1 as fingerprint", [wanted_fingerprint]
        )
        for schema, table, kind in warehouse.execute(
            "select table_schema, table_name, table_type from information_schema.tables"
            " where contains(table_name, '__dbt_tmp') or contains(table_name, '__dbt_backup')"
        ).fetchall():
            warehouse.execute(f'drop {"view" if kind == "VIEW" else "table"} "{schema}"."{table}"')
    return reason


def _reason_to_rebuild(house: House, wanted_fingerprint: str, admitted: set[str], as_of: datetime | None) -> str | None:
    if _seal_of(house).exists() and _seal_of(house).read_text() != _checksum(house):
        return "it has other bytes than the last run left"
    try:
        with connect(house) as warehouse:
            tables = {
                f"{schema}.{table}"
                for schema, table in warehouse.execute(
                    "select table_schema, table_name from information_schema.tables"
                ).fetchall()
            }
            if "ops.warehouse_state" not in tables:
                return "it was never finished"
            built_with = warehouse.execute("select max(fingerprint) from ops.warehouse_state").fetchone()
            if built_with is None or built_with[0] != wanted_fingerprint:
                return "the models, rules or reporting settings changed"
            if as_of and "ops.run_parameters" in tables:
                built_at = warehouse.execute("select max(as_of) from ops.run_parameters").fetchone()
                if built_at and built_at[0] and built_at[0] > as_of:
                    return f"it is as of {built_at[0]:%Y-%m-%d %H:%M}, later than tonight's"
            if "staging._processed_loads" in tables:
                used = {
                    load
                    for (load,) in warehouse.execute("select distinct load_id from staging._processed_loads").fetchall()
                }
                if used - admitted:
                    return f"{len(used - admitted)} of the loads it used were withdrawn"
    except duckdb.Error as problem:
        if "lock" in str(problem).lower():
            raise
        return f"it cannot be read ({str(problem).splitlines()[0]})"
    return None
