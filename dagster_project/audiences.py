"""Files of audiences: whom to write to, below `restricted/audiences` of a release, one file an audience.

Here: columns and spellings. Not here: who is in a file and when a message may be sent (`restricted.audience_exports`),
that nobody gets a message twice (the decisions).
"""

from __future__ import annotations

import csv
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from dagster_project.conversions import instant

FOLDER = Path("restricted") / "audiences"
# What names the person, by channel: the file's column, and the model's.
_NAMED = {
    "sms": {"phone": "phone"},
    "email": {"email": "email"},
    "wecom": {"union_id": "union_id"},
    # As the platforms' templates for lists of customers have them.
    "google_ads": {"Email": "hashed_email", "Phone": "hashed_phone"},
    "meta_ads": {"email": "hashed_email", "phone": "hashed_phone"},
}
# A list for advertisements is no message: it is uploaded whenever it suits.
_TIMED = ("sms", "email", "wecom")


def write(warehouse: duckdb.DuckDBPyConnection, release: Path) -> dict[str, int]:
    """Write tonight's files below a release that is being built; returns the people in each.

    An audience that reaches nobody has no file, and without any there is no folder.
    """
    written = {}
    for audience, channel in warehouse.execute(
        "select distinct audience, channel from restricted.audience_exports order by audience"
    ).fetchall():
        named = _NAMED[channel]
        rows = warehouse.execute(
            f"select {', '.join(named.values())}, message_key, timezone, epoch(send_not_before), epoch(send_before)"
            " from restricted.audience_exports where audience = $1 order by customer_id",
            [audience],
        ).fetchall()
        timed = channel in _TIMED
        lines = [[*named, *(("message_key", "send_not_before", "send_before") if timed else ())]]
        for *names, key, zone, begin, end in rows:
            times = (key, _local(begin, zone), _local(end, zone)) if timed else ()
            lines.append([name or "" for name in (*names, *times)])
        (release / FOLDER).mkdir(mode=0o700, exist_ok=True)
        with (release / FOLDER / f"{audience}.csv").open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle, lineterminator="\n").writerows(lines)
        written[audience] = len(rows)
    return written


def _local(seconds: float | None, zone: str) -> str:
    """A moment as clocks show it in the zone, with the offset: when they are put back an hour comes twice."""
    if seconds is None:
        return ""
    return instant(seconds).astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
