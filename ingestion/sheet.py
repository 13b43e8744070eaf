"""A file of rows and columns while it is read, whatever its format: its header, and block after block of text cells.

Here belongs what all formats share: finding the header among the first lines, and finding a column in it. How a format
is read belongs in `ingestion/tabular.py` and `ingestion/typed_files.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ingestion.source import BadDelivery
from ingestion.text_rows import Broken

HEAD_LINES = 60
MOST_COLUMNS = 5_000
BLANK = " \t\r\n\u00a0\u3000\ufeff"


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _without_suffix(name: str) -> str:
    """`Amount spent (USD)` as `Amount spent`: some platforms write the unit into the header."""
    for mark in ("(", "（"):
        name = name.partition(mark)[0]
    return _plain(name)


class Header:
    """The column names of a file, trimmed and made unique so that no column hides another."""

    def __init__(self, cells: Sequence[str]) -> None:
        unique: dict[str, None] = {}
        for number, cell in enumerate(cells, start=1):
            name = cell.strip(BLANK) or f"column {number}"
            unique[f"{name} ({number})" if name in unique else name] = None
        self.names = list(unique)
        self._exact: dict[str, str] = {}
        self._bare: dict[str, str] = {}
        for name in self.names:
            self._exact.setdefault(_plain(name), name)
            self._bare.setdefault(_without_suffix(name), name)

    def find(self, wanted: Sequence[str]) -> str | None:
        """The first of the wanted names that is here: exactly (blanks and case aside), else but for a unit in
        parentheses."""
        for known in (self._exact, self._bare):
            for name in wanted:
                if found := known.get(_plain(name)):
                    return found
        return None


@dataclass(frozen=True)
class Layout:
    """What is known about a file before it is opened. `missing` names what a header lacks to be the expected one,
    `suggestion` says for a file that is not the expected one where else it might belong."""

    name: str
    missing: Callable[[Header], list[str]]
    suggestion: Callable[[Iterable[Header]], str] = lambda _: ""
    encoding: str | None = None
    delimiter: str | None = None
    skip_lines: int = 0
    members: tuple[str, ...] = ()


@dataclass
class Block:
    """Some rows as text columns named by the header, with their numbers in the file, and lines that are no rows.

    `extra` is, where a format has no fixed columns, each row's further members as a JSON object.
    """

    rows: pa.Table
    numbers: pa.Array
    broken: list[Broken] = field(default_factory=list)
    extra: pa.ChunkedArray | None = None


@dataclass(frozen=True)
class Sheet:
    """A file being read. Each of `blocks` is still to be called, which may be done in several threads."""

    header: Header
    blocks: Iterator[Callable[[], Block]]


def find_header(lines: Sequence[Sequence[Sequence[str]]], layout: Layout) -> tuple[int, int, Header]:
    """(line index, reading, header) of the line that has every needed column, first looked for where it should be.

    Each line is given in one or more readings: its cells, by each delimiter that may be the file's.
    """
    if not any(cell.strip(BLANK) for readings in lines for cells in readings for cell in cells):
        raise BadDelivery(f"{layout.name} is empty: not even a header. Export it again.")
    start = min(layout.skip_lines, len(lines) - 1)
    tried: list[Header] = []
    nearest, lacking = start, layout.missing(Header([]))
    widest = 0
    for position in (start, *(position for position in range(len(lines)) if position != start)):
        for reading, cells in enumerate(lines[position]):
            widest = max(widest, len(cells))
            if len(cells) > MOST_COLUMNS:
                continue
            header = Header(cells)
            missing = layout.missing(header)
            if not missing:
                return position, reading, header
            if len(cells) > 1:
                tried.append(header)
            if len(missing) < len(lacking):
                nearest, lacking = position, missing
    if widest > MOST_COLUMNS:
        raise BadDelivery(
            f"{layout.name} has a line of {widest:,} columns or more; {MOST_COLUMNS:,} are the most that are read. "
            "Export it again with the columns that are needed."
        )
    raise BadDelivery(
        f"{layout.name}: none of the first {len(lines)} lines is the expected header; line {nearest + 1} comes closest "
        f"and lacks {', '.join(lacking)}. "
        + (
            layout.suggestion(tried)
            or "Check that the file lies in the right landing folder, export it with these columns, or name the "
            "header's own words as aliases in the mapping."
        )
    )
