"""What a source is, what it delivers, and how it says that it cannot.

Here belong the shapes every source module fills in and the errors it may raise. How a particular system is read belongs
in `ingestion/sources/`, how a delivery reaches the lake in `ingestion/lake.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dlt

if TYPE_CHECKING:
    from dlt.sources import DltSource

# Sources deliver at least once and staging keeps the newest version, so a generous look-back costs a few rows and
# catches whatever a system commits late.
LOOK_BACK = timedelta(days=2)


class IngestionError(Exception):
    """A source could not be read. The message is for the user: what, where, what to do next, and no secret."""


class ConfigurationError(IngestionError):
    """Settings or a mapping file are wrong; nothing was read."""


class SourceUnavailable(IngestionError):
    """The system did not answer, or refused; the same pull may work later."""


class BadDelivery(IngestionError):
    """What was delivered cannot be read as what it should be."""


@dataclass(frozen=True)
class RawTable:
    """One table of a raw schema. Every column is text.

    `record_time` is the column that dates a record (first and last record of a load); `cursor` the column an
    incremental pull advances on. A table of `rejects` holds the lines of other tables which could not be read.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    record_time: str | None = None
    cursor: str | None = None
    rejects: bool = False


@dataclass(frozen=True)
class Request:
    """What a source is asked for: its settings, where files may lie, and what is known already.

    `now` is the logical clock: a cursor never moves past it, so a record dated in the future cannot blind later pulls.
    `landed_files` gives the admitted lake files of one of the source's tables.
    """

    settings: Mapping[str, str]
    landing_dirs: Sequence[Path]
    mapping_dirs: Sequence[Path]
    cursors: Mapping[str, str]
    known_hashes: Callable[[str], frozenset[str]]
    landed_files: Callable[[str], Sequence[Path]]
    now: datetime


@dataclass(frozen=True)
class Delivery:
    """One load to make: one pull of an API or a database, or one file.

    `pull` opens a dlt source whose resources yield Arrow tables named after the raw tables. A yielded table may leave
    out declared columns and may carry `_extra` and `_row_number`; the lake completes it. `feeds` is the table of a file
    that counts the lines which could not be read. `notes` is filled while pulling: for a table that the system would
    not show, and that the rest can do without, what is missing and what to do.
    """

    source: Source
    source_system: str
    description: str
    pull: Callable[[], AbstractContextManager[DltSource]] = field(repr=False)
    now: datetime
    file_name: str | None = None
    content_sha256: str | None = None
    feeds: str | None = None
    cursor_from: Mapping[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A system Omnihouse reads. `settings` are the names that must be set for it to be active (none for file sources);
    `folders` gives the landing folders it reads and their file patterns, from the company's own mapping folders."""

    name: str
    schema: str
    tables: tuple[RawTable, ...]
    deliveries: Callable[[Source, Request], Iterator[Delivery]] = field(repr=False)
    settings: tuple[str, ...] = ()
    folders: Callable[[Sequence[Path]], Mapping[str, tuple[str, ...]]] = field(default=lambda _: {}, repr=False)

    def table(self, name: str) -> RawTable:
        """The table of this name."""
        return next(table for table in self.tables if table.name == name)


def names(text: str) -> tuple[str, ...]:
    """Column names out of a text that lists them."""
    return tuple(text.split())


def broken_lines(*columns: str) -> RawTable:
    """Where a line goes that cannot be read at all, with the reason, so that it is neither lost nor an empty row."""
    return RawTable("broken_lines", (*columns, "line", "reason"), ("_file_name", "_row_number"), rejects=True)


def text_schema(name: str) -> dlt.Schema:
    """The dlt schema of a source: vendor names stay as they are, whatever a machine's dlt configuration says."""
    return dlt.Schema(
        name, normalizers={"names": "direct", "json": {"module": "dlt.common.normalizers.json.relational"}}
    )
