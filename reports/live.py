"""What a notebook needs beside its figures: the published file of this home, and how figures are shown in it."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from reports import page
from reports.reader import RESTRICTED, Reader, reading

_ROOT = Path(__file__).resolve().parent.parent


class NothingPublished(Exception):
    """There is no published file; the text says where it was looked for and what to do."""


def home() -> Path:
    """The home that `OMNIHOUSE_HOME` names, else the checkout's."""
    return Path(os.environ.get("OMNIHOUSE_HOME") or _ROOT / ".omnihouse").expanduser().resolve()


def published() -> Reader:
    """The current publication, open to be read; it stays what it was when a night publishes meanwhile."""
    file = home() / "published" / "omnihouse.duckdb"
    if not file.exists():
        raise NothingPublished(
            f"{file} is not there. Run make run first, or set OMNIHOUSE_HOME to a home that has run."
        )
    return _open(file)


def restricted() -> Reader | None:
    """The file of names and contact details, for those who may open it."""
    file = home() / "published" / RESTRICTED
    return _open(file) if os.access(file, os.R_OK) else None


def _open(file: Path) -> Reader:
    # Through the link's target: a publication's files are never replaced, so nothing changes under the reader.
    return reading(file.resolve())


def html(*figures: page.Figure) -> str:
    """Figures as a part of any page."""
    parts = "".join(figure.html() for figure in figures)
    return f'<style>{page.STYLE}</style><div class="omnihouse"><div class="figures">{parts}</div></div>'


def told(reader: Reader) -> str:
    """Of what publication the figures are."""
    run = reader.rows("select night, run_id from ops.runs order by run_id desc limit 1")
    if not run:
        return "The publication has no run on record."
    return f"Publication {run[0]['night']} of run {run[0]['run_id']}, data to {reader.last_day or 'no day yet'}."


def answer(reader: Reader, sql: str, most: int = 1000) -> page.Figure:
    """What somebody asks by themselves, at most `most` rows of it; a wrong question is told what is wrong with it."""
    if not sql.strip():
        return page.Figure("Write a question in SQL", "")
    try:
        rows = reader.rows(f"select * from ({sql.strip().rstrip(';')}) limit {most}")
    except duckdb.Error as problem:
        return page.Figure(str(problem), sql)
    return page.Figure(
        f"{len(rows):,} rows" if len(rows) < most else f"The first {most:,} rows", sql, rows, show_rows=True
    )
