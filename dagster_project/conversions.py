"""Files of conversions for advertising platforms, in the layouts these take, below `restricted/exports` of a release.

Here: columns, spellings of times and amounts, file names. Not here: which conversions go out and what identifies them
(the model `restricted.conversion_uploads`); that they go out once (the decisions).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project import csv_files
from dagster_project.warehouse import literal

FOLDER = Path("restricted") / "exports"
_DIGITS = range(5)  # after the point, of any currency's minor unit


def _is(platform: str, *kinds: str) -> str:
    return f"platform = {literal(platform)} and kind in ({', '.join(map(literal, kinds))})"


def _seconds(instant: str) -> str:
    return f"(epoch_us({instant}) // 1000000)"


_BY_DIGITS = [f"when {digits} then cast(cast(value as decimal(38, {digits})) as text)" for digits in _DIGITS]
# With as many digits after the point as its currency has.
_AMOUNT = (
    f"case minor_unit {' '.join(_BY_DIGITS)}"
    " else error('no currency has a minor unit of ' || minor_unit || ' digits') end"
)
_LOCAL_TIME = csv_files.local_time("happened_at", "%Y-%m-%d %H:%M:%S", "%02d%02d")
# Meta's cookie of a click as its script would have written it: version, domain level, time in milliseconds, id.
_FACEBOOK_CLICK = f"'fb.1.' || {_seconds('clicked_at')} || '000.' || click_id"

_GOOGLE_COLUMNS = {
    "Conversion Name": "action",
    "Conversion Time": _LOCAL_TIME,
    "Conversion Value": _AMOUNT,
    "Conversion Currency": "currency",
    "Order ID": "order_id",
}


def _meta_columns(event: str) -> dict[str, str]:
    return {
        "email": "hashed_email",
        "phone": "hashed_phone",
        "fbc": _FACEBOOK_CLICK,
        "event_name": event,
        "event_time": _seconds("happened_at"),
        "value": _AMOUNT,
        "currency": "currency",
        "order_id": "order_id",
    }


def _ocean_columns(event: str) -> dict[str, str]:
    return {
        "event_type": event,
        "callback": "click_id",
        "timestamp": f"{_seconds('happened_at')} || '000'",
        "pay_amount": _AMOUNT,
        "currency": "currency",
        "order_id": "order_id",
    }


@dataclass(frozen=True)
class Layout:
    """One file: which rows of `restricted.conversion_uploads` belong in it, and the SQL of each cell, by column."""

    name: str
    holds: str
    columns: Mapping[str, str]
    names_zone: bool = False


LAYOUTS = (
    Layout(
        "google_ads_click_conversions.csv",
        f"{_is('google_ads', 'conversion')} and click_id is not null",
        {"Google Click ID": "click_id", **_GOOGLE_COLUMNS},
        names_zone=True,
    ),
    Layout(
        "google_ads_enhanced_conversions.csv",
        f"{_is('google_ads', 'conversion')} and click_id is null",
        {"Email": "hashed_email", "Phone Number": "hashed_phone", **_GOOGLE_COLUMNS},
        names_zone=True,
    ),
    Layout(
        "google_ads_adjustments.csv",
        _is("google_ads", "restatement", "retraction"),
        {
            "Order ID": "order_id",
            "Conversion Name": "action",
            "Adjustment Time": _LOCAL_TIME,
            # Google's spelling of the two kinds in files; its interface for programs has others.
            "Adjustment Type": "case kind when 'restatement' then 'RESTATE' else 'RETRACT' end",
            # A retraction with a value is refused.
            "Adjusted Value": f"case kind when 'restatement' then {_AMOUNT} end",
            "Adjusted Value Currency": "case kind when 'restatement' then currency end",
        },
        names_zone=True,
    ),
    Layout("meta_ads_offline_events.csv", _is("meta_ads", "conversion"), _meta_columns("action")),
    Layout(
        "meta_ads_adjustments.csv",
        _is("meta_ads", "restatement", "retraction"),
        _meta_columns("action || 'Adjusted'"),
    ),
    Layout("oceanengine_conversions.csv", _is("oceanengine", "conversion"), _ocean_columns("action")),
    Layout(
        "oceanengine_adjustments.csv",
        _is("oceanengine", "restatement", "retraction"),
        _ocean_columns("case kind when 'restatement' then 'ecom_refund' else 'ecom_cancel_order' end"),
    ),
)


def write(warehouse: duckdb.DuckDBPyConnection, release: Path) -> dict[str, int]:
    """Write tonight's files below a release that is being built; returns the conversions and adjustments in each.

    A file without a row is not written, and without any there is no folder.
    """
    counts = ", ".join(f"count(*) filter ({layout.holds})" for layout in LAYOUTS)
    found = warehouse.execute(f"select count(*), {counts} from restricted.conversion_uploads").fetchone()
    total, *counted = found if found else (0,)
    if lost := total - sum(counted):
        raise RuntimeError(f"{lost} conversions of restricted.conversion_uploads belong in no file")
    written = {layout.name: count for layout, count in zip(LAYOUTS, counted, strict=True) if count}
    for layout in LAYOUTS:
        if layout.name in written:
            (release / FOLDER).mkdir(mode=0o700, exist_ok=True)
            _write(warehouse, layout, release / FOLDER / layout.name)
    return written


def _write(warehouse: duckdb.DuckDBPyConnection, layout: Layout, file: Path) -> None:
    uploads = f"from restricted.conversion_uploads where {layout.holds}"
    order = f"order by {_seconds('happened_at')}, action, order_id"
    rows = file.with_suffix(".rows") if layout.names_zone else file
    csv_files.write(warehouse, layout.columns, f"{uploads} {order}", rows)
    if layout.names_zone:
        zone = warehouse.execute(f"select timezone {uploads} {order} limit 1").fetchone()
        with rows.open("rb") as untold, file.open("wb") as told:
            told.write(f"Parameters:TimeZone={zone[0] if zone else ''}\n".encode())
            shutil.copyfileobj(untold, told)
        rows.unlink()
