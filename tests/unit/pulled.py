"""A lake that one source is pulled into, and read as the warehouse reads it: what tests of connectors share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion import Ledger, LoadReport, land, plan, raw_views, sources


class SourceHome:
    """A home that pulls one source by its settings; every pull is admitted."""

    def __init__(
        self, root: Path, name: str, settings: Mapping[str, str], now: datetime, mapping_dirs: Sequence[Path] = ()
    ) -> None:
        self.root, self.source, self.settings, self.now = root, sources()[name], dict(settings), now
        self.mapping_dirs = mapping_dirs
        self.ledger = Ledger(root / "lake")

    def pull(self, now: datetime | None = None) -> LoadReport:
        (delivery,) = plan(
            self.source, {self.source.name: self.settings}, [], self.mapping_dirs, self.ledger, now=now or self.now
        )
        report = land(delivery, self.root / "lake", self.root / "work")
        self.ledger.record("run", report, "admitted", admitted=True)
        return report

    def read(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as database:
            for statement in raw_views(self.source, self.ledger.admitted_loads(), self.root / "lake"):
                database.execute(statement)
            return database.execute(query).fetchall()


class TillHome(SourceHome):
    """A home whose tills are the database at `url`."""

    def __init__(self, root: Path, url: str, now: datetime, mapping_dirs: Sequence[Path] = ()) -> None:
        super().__init__(root, "pos", {"database_url": url}, now, mapping_dirs)

    @property
    def url(self) -> str:
        return self.settings["database_url"]

    @url.setter
    def url(self, url: str) -> None:
        self.settings["database_url"] = url
