"""From a company's systems to the raw lake. What is public here is all that the rest of the project uses.

    for delivery in plan(sources()["shopify"], settings, landing_dirs, mapping_dirs, ledger):
        report = land(delivery, lake_dir, work_dir)
        ledger.record(run_id, report, "admitted", admitted=True)

Knows nothing of orchestration, transformation, gates or identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ingestion.lake import (
    LoadReport,
    Seal,
    TableReport,
    complete_loads,
    land,
    orphan_files,
    raw_view_sql,
    raw_views,
    seal,
)
from ingestion.landing import landed_files
from ingestion.ledger import Ledger, failed_line
from ingestion.look_back import seen_before
from ingestion.mapping import check_mappings
from ingestion.source import (
    BadDelivery,
    ConfigurationError,
    Delivery,
    IngestionError,
    RawTable,
    Request,
    Source,
    SourceUnavailable,
)
from ingestion.sources import discover

__all__ = [
    "BadDelivery",
    "ConfigurationError",
    "Delivery",
    "IngestionError",
    "Ledger",
    "LoadReport",
    "RawTable",
    "Seal",
    "Source",
    "SourceUnavailable",
    "TableReport",
    "active_sources",
    "check_mappings",
    "complete_loads",
    "failed_line",
    "land",
    "orphan_files",
    "plan",
    "raw_view_sql",
    "raw_views",
    "seal",
    "seen_before",
    "sources",
    "unclaimed_files",
]

Settings = Mapping[str, Mapping[str, str]]


def sources() -> dict[str, Source]:
    """Every source by name."""
    return discover()


def active_sources(settings: Settings, landing_dirs: Sequence[Path], mapping_dirs: Sequence[Path] = ()) -> list[str]:
    """The sources that have something to read: every setting present, or a file in a landing folder.

    Raises ConfigurationError for a source that is set up by halves.
    """
    active = []
    for source in sources().values():
        if source.settings:
            given = settings.get(source.name, {})
            missing = [name for name in source.settings if not given.get(name)]
            if missing and len(missing) < len(source.settings):
                names = ", ".join(f"SOURCES__{source.name.upper()}__{name.upper()}" for name in missing)
                raise ConfigurationError(f"The source {source.name} is set up by halves: {names} is not set.")
            if not missing:
                active.append(source.name)
        elif any(
            landed_files(landing_dirs, folder, patterns) for folder, patterns in source.folders(mapping_dirs).items()
        ):
            active.append(source.name)
    return active


def plan(
    source: Source,
    settings: Settings,
    landing_dirs: Sequence[Path],
    mapping_dirs: Sequence[Path],
    ledger: Ledger,
    now: datetime | None = None,
) -> Iterator[Delivery]:
    """The loads to make: one for an API or a database, one for each new file; none where no file is new.

    `mapping_dirs` are the company's own mapping folders, `now` the logical clock (the wall clock if not given).
    """
    known = cache(ledger.known_hashes)
    request = Request(
        settings=settings.get(source.name, {}),
        landing_dirs=tuple(landing_dirs),
        mapping_dirs=tuple(mapping_dirs),
        cursors=ledger.cursors(source.name),
        known_hashes=lambda system: known().get(system, frozenset()),
        landed_files=lambda table: ledger.landed_files(source.name, table),
        now=now or datetime.now(UTC),
    )
    return source.deliveries(source, request)


def unclaimed_files(landing_dirs: Sequence[Path], mapping_dirs: Sequence[Path] = ()) -> list[str]:
    """Landed files that no source reads: a folder without a mapping, or a name its pattern does not fit."""
    claimed = {
        file.name
        for source in sources().values()
        for folder, patterns in source.folders(mapping_dirs).items()
        for file in landed_files(landing_dirs, folder, patterns)
    }
    folders = sorted({path.name for root in landing_dirs if root.is_dir() for path in root.iterdir() if path.is_dir()})
    present = [file.name for folder in folders for file in landed_files(landing_dirs, folder, ("*",))]
    return [name for name in present if name not in claimed]
