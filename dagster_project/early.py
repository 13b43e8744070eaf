"""Whether tonight can begin before its hour, because every export that usually comes has landed.

Usual is a landing folder that brought something new to at least two of the last three publications. It has landed when
a file in it is newer than the start of the run that published last. Nothing begins while one of them is being written:
the youngest has to be two minutes old.
Here: the judgement, from the home's files and the time. Not here: who asks, and what begins then (`defs.schedules`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import ingestion
from dagster_project.config import ConfigurationError, House
from dagster_project.decisions import Decisions, Publication
from ingestion import Ledger
from ingestion.landing import landed_files

_NIGHTS, _USUAL = 3, 2
_STILL_FOR = timedelta(minutes=2)


@dataclass(frozen=True)
class Judgement:
    """Whether the night of a day can begin, and why or why not."""

    begins: bool
    night: date
    why: str


def judge(house: House, now: datetime) -> Judgement:
    """Look at the landing folders; the night of a day begins after its midnight, and before its hour."""
    night = house.last_day(now)
    why = _why_not(house, now)
    return Judgement(why is None, night, why or "Every export that usually comes has landed.")


def _why_not(house: House, now: datetime) -> str | None:
    try:
        if house.is_demo():
            return "The demo company drops its files as its night begins."
    except ConfigurationError as problem:
        return str(problem)
    if now.astimezone(ZoneInfo(house.timezone)).time() >= house.nightly_at:
        return f"Tonight had its hour, {house.nightly_at:%H:%M}; the next night can begin after midnight."
    published = Decisions(house.lake).publications()[-_NIGHTS:]
    usual = usual_folders(house, published)
    if not usual:
        return f"No export came in {_USUAL} of the last {_NIGHTS} nights: there is nothing to wait for."
    since = _began(house, published[-1])
    told = [source.folders(house.mapping_dirs) for source in ingestion.sources().values()]
    landed = {folder: _newest(house, folder, [patterns.get(folder, ()) for patterns in told]) for folder in usual}
    missing = sorted(folder for folder, newest in landed.items() if newest is None or newest <= since)
    if missing:
        return f"{len(usual) - len(missing)} of {len(usual)} exports have landed; waiting for {', '.join(missing)}."
    if (youngest := max(newest for newest in landed.values() if newest)) > now - _STILL_FOR:
        return f"All {len(usual)} exports are here; the last was still being written at {youngest:%H:%M:%S} UTC."
    return None


def usual_folders(house: House, published: list[Publication]) -> list[str]:
    """The landing folders that brought something to most of these publications."""
    runs = {publication.run_id for publication in published}
    brought = {
        (line["source_system"], line["run_id"])
        for line in Ledger(house.lake).read()
        if line["admitted"] and line["file_name"] and line["run_id"] in runs
    }
    nights = Counter(folder for folder, _ in brought)
    return sorted(folder for folder, count in nights.items() if count >= _USUAL)


def _began(house: House, publication: Publication) -> datetime:
    file = house.runs / f"{publication.run_id}.json"
    told = json.loads(file.read_text())["started_at"] if file.exists() else publication.published_at
    return datetime.fromisoformat(told)


def _newest(house: House, folder: str, sources: Iterable[Sequence[str]]) -> datetime | None:
    """When the youngest file of a folder came to lie there: copies keep a file's own time, but not its node's.

    `sources`: the patterns of the files that each source reads there.
    """
    times = [
        Path(file.path).stat().st_ctime
        for patterns in sources
        for file in landed_files([house.landing], folder, patterns)
    ]
    return datetime.fromtimestamp(max(times), UTC) if times else None
