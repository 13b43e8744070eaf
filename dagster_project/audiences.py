"""Files of audiences: whom to write to, below `restricted/audiences` of a release, one file an audience.

Here: columns and spellings. Not here: who is in a file and when a message may be sent (`restricted.audience_exports`),
that nobody gets a message twice (the decisions).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from dagster_project import csv_files
from dagster_project.warehouse import literal

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
_TIME_FORM = ("%Y-%m-%dT%H:%M:%S", "%02d:%02d")
_TIMES = {
    "message_key": "message_key",
    **{moment: csv_files.local_time(moment, *_TIME_FORM) for moment in ("send_not_before", "send_before")},
}


def write(warehouse: duckdb.DuckDBPyConnection, release: Path) -> dict[str, int]:
    """Write tonight's files below a release that is being built; returns the people in each.

    An audience that reaches nobody has no file, and without any there is no folder.
    """
    written = {}
    for audience, channel in warehouse.execute(
        "select distinct audience, channel from restricted.audience_exports order by audience"
    ).fetchall():
        (release / FOLDER).mkdir(mode=0o700, exist_ok=True)
        columns = _NAMED[channel] | (_TIMES if channel in _TIMED else {})
        reached = f"from restricted.audience_exports where audience = {literal(audience)} order by customer_id"
        written[audience] = csv_files.write(warehouse, columns, reached, release / FOLDER / f"{audience}.csv")
    return written
