"""The canonical tables that mapped exports feed, whatever the export calls its columns.

One entry here is what a new kind of export needs: its columns, what each holds, and which cannot be missing. Which
export column feeds which is the mapping's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ingestion.source import RawTable, broken_lines

Kind = Literal["text", "number", "date"]


@dataclass(frozen=True)
class Entity:
    """A canonical table: `columns` with what they hold, `needed` ones every mapping has to feed."""

    columns: Mapping[str, Kind]
    needed: frozenset[str]
    key: tuple[str, ...]
    record_time: str


ENTITIES: Mapping[str, Entity] = {
    "ad_performance": Entity(
        {
            "date": "date",
            "account": "text",
            "campaign": "text",
            "ad_group": "text",
            "ad": "text",
            "currency": "text",
            "timezone": "text",
            "impressions": "number",
            "clicks": "number",
            "cost": "number",
            "conversions": "number",
        },
        frozenset({"date", "campaign", "cost"}),
        ("source_system", "account", "campaign", "ad_group", "ad", "date"),
        "date",
    ),
    "fx_rates": Entity(
        {"date": "date", "base_currency": "text", "quote_currency": "text", "rate": "number"},
        frozenset({"date", "base_currency", "quote_currency", "rate"}),
        ("source_system", "date", "base_currency", "quote_currency"),
        "date",
    ),
}


def raw_tables() -> tuple[RawTable, ...]:
    """The raw tables of mapped exports: each entity with the export that fed it, and the lines no table could take."""
    tables = [
        RawTable(name, ("source_system", *entity.columns), entity.key, record_time=entity.record_time)
        for name, entity in ENTITIES.items()
    ]
    return (*tables, broken_lines("source_system"))
