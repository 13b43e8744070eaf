"""Files of conversions for advertising platforms, in the layouts these take, below `restricted/exports` of a release.

Here: columns, spellings of times and amounts, file names. Not here: which conversions go out and what identifies them
(the model `restricted.conversion_uploads`); that they go out once (the decisions).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

FOLDER = Path("restricted") / "exports"
_MILLISECONDS = 1000
# Google's spelling of the two kinds of adjustments in files; its interface for programs has others.
_GOOGLE_ADJUSTMENTS = {"restatement": "RESTATE", "retraction": "RETRACT"}
_OCEAN_ADJUSTMENTS = {"restatement": "ecom_refund", "retraction": "ecom_cancel_order"}


@dataclass(frozen=True)
class Upload:
    """One conversion or adjustment, a row of `restricted.conversion_uploads`. Times are UTC; None: an empty cell."""

    platform: str
    action: str
    order_id: str
    kind: str
    click_id: str | None
    hashed_email: str | None
    hashed_phone: str | None
    value: Decimal
    minor_unit: int
    currency: str
    timezone: str
    clicked_at: datetime | None
    happened_at: datetime

    @property
    def amount(self) -> str:
        """The value with as many digits after the point as its currency has."""
        return f"{self.value:.{self.minor_unit}f}"

    @property
    def local_time(self) -> str:
        """The time in the file's zone, with its offset: when clocks go back an hour comes twice."""
        return self.happened_at.astimezone(ZoneInfo(self.timezone)).strftime("%Y-%m-%d %H:%M:%S%z")


@dataclass(frozen=True)
class Layout:
    """One file: which uploads belong in it, and what each cell of a row says, by column."""

    name: str
    holds: Callable[[Upload], bool]
    columns: Mapping[str, Callable[[Upload], str | None]]
    names_zone: bool = False

    def lines(self, uploads: Iterable[Upload]) -> list[list[str]]:
        """The file's lines; none when it would have no row."""
        rows = [upload for upload in uploads if self.holds(upload)]
        if not rows:
            return []
        rows.sort(key=lambda upload: (upload.happened_at, upload.action, upload.order_id))
        first = [[f"Parameters:TimeZone={rows[0].timezone}"]] if self.names_zone else []
        return [*first, list(self.columns), *([cell(row) or "" for cell in self.columns.values()] for row in rows)]


def _is(platform: str, *kinds: str) -> Callable[[Upload], bool]:
    return lambda upload: upload.platform == platform and upload.kind in kinds


def _facebook_click(upload: Upload) -> str | None:
    """Meta's cookie of a click, written as its script would have: version, domain level, time in milliseconds, id."""
    if upload.click_id is None or upload.clicked_at is None:
        return None
    return f"fb.1.{_seconds(upload.clicked_at) * _MILLISECONDS}.{upload.click_id}"


def _seconds(instant: datetime) -> int:
    return int(instant.astimezone(UTC).timestamp())


_GOOGLE_COLUMNS: dict[str, Callable[[Upload], str | None]] = {
    "Conversion Name": lambda upload: upload.action,
    "Conversion Time": lambda upload: upload.local_time,
    "Conversion Value": lambda upload: upload.amount,
    "Conversion Currency": lambda upload: upload.currency,
    "Order ID": lambda upload: upload.order_id,
}


def _meta_columns(event: Callable[[Upload], str]) -> dict[str, Callable[[Upload], str | None]]:
    return {
        "email": lambda upload: upload.hashed_email,
        "phone": lambda upload: upload.hashed_phone,
        "fbc": _facebook_click,
        "event_name": event,
        "event_time": lambda upload: str(_seconds(upload.happened_at)),
        "value": lambda upload: upload.amount,
        "currency": lambda upload: upload.currency,
        "order_id": lambda upload: upload.order_id,
    }


def _ocean_columns(event: Callable[[Upload], str]) -> dict[str, Callable[[Upload], str | None]]:
    return {
        "event_type": event,
        "callback": lambda upload: upload.click_id,
        "timestamp": lambda upload: str(_seconds(upload.happened_at) * _MILLISECONDS),
        "pay_amount": lambda upload: upload.amount,
        "currency": lambda upload: upload.currency,
        "order_id": lambda upload: upload.order_id,
    }


LAYOUTS = (
    Layout(
        "google_ads_click_conversions.csv",
        lambda upload: _is("google_ads", "conversion")(upload) and upload.click_id is not None,
        {"Google Click ID": lambda upload: upload.click_id, **_GOOGLE_COLUMNS},
        names_zone=True,
    ),
    Layout(
        "google_ads_enhanced_conversions.csv",
        lambda upload: _is("google_ads", "conversion")(upload) and upload.click_id is None,
        {
            "Email": lambda upload: upload.hashed_email,
            "Phone Number": lambda upload: upload.hashed_phone,
            **_GOOGLE_COLUMNS,
        },
        names_zone=True,
    ),
    Layout(
        "google_ads_adjustments.csv",
        _is("google_ads", "restatement", "retraction"),
        {
            "Order ID": lambda upload: upload.order_id,
            "Conversion Name": lambda upload: upload.action,
            "Adjustment Time": lambda upload: upload.local_time,
            "Adjustment Type": lambda upload: _GOOGLE_ADJUSTMENTS[upload.kind],
            # A retraction with a value is refused.
            "Adjusted Value": lambda upload: upload.amount if upload.kind == "restatement" else None,
            "Adjusted Value Currency": lambda upload: upload.currency if upload.kind == "restatement" else None,
        },
        names_zone=True,
    ),
    Layout(
        "meta_ads_offline_events.csv",
        _is("meta_ads", "conversion"),
        _meta_columns(lambda upload: upload.action),
    ),
    Layout(
        "meta_ads_adjustments.csv",
        _is("meta_ads", "restatement", "retraction"),
        _meta_columns(lambda upload: f"{upload.action}Adjusted"),
    ),
    Layout(
        "oceanengine_conversions.csv",
        _is("oceanengine", "conversion"),
        _ocean_columns(lambda upload: upload.action),
    ),
    Layout(
        "oceanengine_adjustments.csv",
        _is("oceanengine", "restatement", "retraction"),
        _ocean_columns(lambda upload: _OCEAN_ADJUSTMENTS[upload.kind]),
    ),
)


def write(warehouse: duckdb.DuckDBPyConnection, release: Path) -> dict[str, int]:
    """Write tonight's files below a release that is being built; returns the conversions and adjustments in each.

    A file without a row is not written, and without any there is no folder.
    """
    uploads = read(warehouse)
    written = {}
    for layout in LAYOUTS:
        lines = layout.lines(uploads)
        if lines:
            (release / FOLDER).mkdir(mode=0o700, exist_ok=True)
            with (release / FOLDER / layout.name).open("w", encoding="utf-8", newline="") as handle:
                csv.writer(handle, lineterminator="\n").writerows(lines)
            written[layout.name] = len(lines) - (2 if layout.names_zone else 1)
    lost = len(uploads) - sum(written.values())
    if lost:
        raise RuntimeError(f"{lost} conversions of restricted.conversion_uploads belong in no file")
    return written


def read(warehouse: duckdb.DuckDBPyConnection) -> list[Upload]:
    """What goes out tonight."""
    # Seconds since 1970 rather than times: those would come in the zone of the connection.
    rows = warehouse.execute(
        "select platform, action, order_id, kind, click_id, hashed_email, hashed_phone, value, minor_unit, currency,"
        " timezone, epoch(clicked_at), epoch(happened_at) from restricted.conversion_uploads"
    ).fetchall()
    return [Upload(*row[:-2], *(None if told is None else instant(told) for told in row[-2:])) for row in rows]


def instant(seconds: float) -> datetime:
    """A moment of the database, in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC)
