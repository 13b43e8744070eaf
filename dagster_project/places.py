"""Where a table is written about: the page of `docs/` that has its name, and the Data Docs of the home.

Browsers follow no link from the UI to a file, so places are shown as paths to open.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_project.config import PROJECT, House

_DOCS = PROJECT / "docs"


@cache
def _by_word() -> dict[str, Path]:
    pages = [page for folder in (_DOCS / "sources", _DOCS) for page in sorted(folder.glob("*.md"))]
    return {_singular(page.stem): page for page in pages}


def of(schema: str, table: str) -> Path:
    """The page called like a word of the table's name, the earliest word first; else what the README says of tables."""
    named = (_by_word().get(_singular(word)) for word in f"{table}_{schema}".split("_"))
    return next(filter(None, named), PROJECT / "README.md")


def metadata(house: House, schema: str, table: str) -> dict[str, Any]:
    """The places as an asset shows them."""
    return {
        "docs": dg.MetadataValue.path(of(schema, table)),
        "data_docs": dg.MetadataValue.path(house.quality / "index.html"),
    }


def _singular(word: str) -> str:
    return f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")
