"""Text files as blocks of whole rows: compression, encoding, and where one row of a delimited file ends.

A line that cannot be part of the table (wrong bytes, a quote that never closes, no end within reason) is set aside with
its number, and the rest goes on. What a cell is belongs in `ingestion/tabular.py`.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import numpy as np

from ingestion.source import BadDelivery

BLOCK_BYTES = 8 << 20
KEPT_CHARACTERS = 10_000
_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 18
LONGEST_LINE_BYTES = 8 << 20
_LONGEST_CELL_LINES = 1000
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WIDE = ("utf-16-le", "utf-16-be")
_DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile)

Broken = tuple[int, str, str]


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it is gzip, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path) if packed else path.open("rb"))


def file_head(path: Path, name: str) -> bytes:
    """The first bytes of a file, unpacked. Raises BadDelivery where a gzip file is damaged already there."""
    try:
        with open_bytes(path) as file:
            return file.read(_HEAD_BYTES)
    except _DAMAGES as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> BadDelivery:
    return BadDelivery(
        f"{name} is a damaged or cut-off gzip file ({error}). Nothing of it was loaded; deliver it once more."
    )


@dataclass(frozen=True)
class Encoding:
    """How a file's bytes are text; `mark` is the length of its byte order mark. Not `clean`: some lines are not."""

    name: str
    mark: int = 0
    clean: bool = True

    def decode(self, data: bytes) -> str:
        """Text of the head of a file, where the last character may be cut."""
        decoder = codecs.getincrementaldecoder(self.name)("replace")
        return decoder.decode(data[self.mark :])


@dataclass
class _Trial:
    """How well an encoding fits: lines with more than ASCII that it can read, and lines it cannot."""

    encoding: str
    lines: int = 0
    good: int = 0
    bad: int = 0
    first_bad: int | None = None
    given_up: bool = False

    def add(self, piece: bytes) -> None:
        """Try the next lines of the file."""
        before, self.lines = self.lines, self.lines + piece.count(b"\n")
        if piece.isascii():
            return
        try:
            piece.decode(self.encoding)
            self.good += 1
            return
        except UnicodeDecodeError:
            pass
        for number, text in enumerate(piece.split(b"\n"), start=before + 1):
            if text.isascii():
                continue
            try:
                text.decode(self.encoding)
                self.good += 1
            except UnicodeDecodeError:
                self.bad += 1
                self.first_bad = self.first_bad or number
        self.given_up = self.bad > 1000 and self.bad > self.good


def find_encoding(path: Path, name: str, stated: str | None) -> Encoding:
    """The encoding of a text file: its mark, else the stated one, else UTF-8 or GB18030, whichever can read it.

    Every line is tried, so that a wrong byte costs its line and is not a wrong letter. Raises BadDelivery where too
    much of the file is in another encoding.
    """
    head = file_head(path, name)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _tried(path, name, [encoding], len(mark))
    if stated:
        return _tried(path, name, ["utf-16-le" if stated == "utf-16" else stated.replace("utf-8-sig", "utf-8")], 0)
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > max(len(head) // 5, 4 * min(even, odd)):
        return _tried(path, name, ["utf-16-le" if odd > even else "utf-16-be"], 0)
    return _tried(path, name, ["utf-8", "gb18030"], 0)


def _tried(path: Path, name: str, candidates: list[str], mark: int) -> Encoding:
    if candidates[0] in _WIDE:
        return _tried_wide(path, name, candidates[0], mark)
    trials: list[_Trial] = []
    for encoding in candidates:
        trials.append(_trial(path, name, encoding, mark))
        if not trials[-1].bad:
            break
    first, last = trials[0], trials[-1]
    # One wrong byte in a UTF-8 file may happen to be a letter of GB18030; the other lines tell.
    if not last.bad and (last is first or first.given_up or first.good < 2 * first.bad):
        return Encoding(last.encoding, mark)
    best = first if first.good >= 2 * first.bad else min(trials, key=lambda trial: (trial.given_up, trial.bad))
    if not best.given_up and (best.good >= 9 * best.bad or best.bad <= max(3, best.lines // 100)):
        return Encoding(best.encoding, mark, clean=False)
    raise _not_text(name, first.first_bad or 1, candidates)


def _trial(path: Path, name: str, encoding: str, mark: int) -> _Trial:
    trial = _Trial(encoding)
    try:
        for piece in _cut_at_line_breaks(path, mark):
            if not trial.given_up:
                trial.add(piece)
    except _DAMAGES as error:
        raise _damaged(name, error) from error
    return trial


def _tried_wide(path: Path, name: str, encoding: str, mark: int) -> Encoding:
    """In UTF-16 a wrong byte shifts all that follows, so the whole file has to be right."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with open_bytes(path) as file:
        file.read(mark)
        while True:
            chunk = file.read(_CHUNK_BYTES)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                raise _not_text(name, line, [encoding]) from error
            if not chunk:
                return Encoding(encoding, mark)


def _not_text(name: str, line: int, candidates: list[str]) -> BadDelivery:
    return BadDelivery(
        f"{name}, line {line}: the text is not {' nor '.join(candidates)}. Name the right `encoding` in the mapping, "
        "or export the file as UTF-8."
    )


def _cut_at_line_breaks(path: Path, mark: int) -> Iterator[bytes]:
    """The file in pieces that end at a line break, whatever a line's length: for looking, not for keeping."""
    rest = b""
    with open_bytes(path) as file:
        file.read(mark)
        while chunk := file.read(_CHUNK_BYTES):
            cut = chunk.rfind(b"\n") + 1
            if cut:
                yield rest + chunk[:cut]
                rest = chunk[cut:]
            elif len(rest) < BLOCK_BYTES:
                rest += chunk
    if rest:
        yield rest


@dataclass
class Rows:
    """A stretch of a file in UTF-8 that holds whole rows; `line` is the number of its first line.

    `inner` are the places of line breaks inside cells. `broken` are lines that were set aside; each left a blank line.
    """

    data: bytes
    line: int
    inner: np.ndarray
    broken: list[Broken] = field(default_factory=list)

    def begins(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each row begins in `data`, and on which line of the file; blank lines are no rows."""
        data = np.frombuffer(self.data, np.uint8)
        breaks = np.flatnonzero(data == 10)
        begins = np.concatenate(([0], breaks[:-1] + 1)) if len(breaks) else np.empty(0, np.int64)
        lines = self.line + np.arange(len(begins))
        blank = (data[begins] == 10) | ((data[begins] == 13) & (breaks - begins == 1))
        if len(self.inner):
            blank |= np.isin(begins - 1, self.inner)
        return (begins[~blank], lines[~blank]) if blank.any() else (begins, lines)

    def halves(self) -> tuple[Rows, Rows]:
        """The rows in two parts, cut between two of them."""
        begins, lines = self.begins()
        middle = len(begins) // 2
        cut = int(begins[middle])
        before = Rows(self.data[:cut], self.line, self.inner[self.inner < cut])
        return before, Rows(self.data[cut:], int(lines[middle]), self.inner[self.inner >= cut] - cut)


def row_blocks(path: Path, encoding: Encoding, header: int, delimiter: str, width: int) -> Iterator[Rows]:
    """The rows of `width` cells behind the header, which is line `header`, a few megabytes at a time.

    The header's line is left out also where it stands once more: exports get concatenated.
    """
    cutter = _RowCutter(delimiter.encode(), width)
    title = b""
    first, rest = 1, b""
    for line, piece, broken in _pieces(path, encoding):
        if line <= header:
            first, title, piece = _behind_header(line, piece, header)
        if title and title in piece:
            piece = _without(title, piece)
        rows, rest = cutter.cut(first, rest + piece, last=False)
        rows.broken += broken
        first += rows.data.count(b"\n")
        yield rows
    if rest:
        yield cutter.cut(first, rest, last=True)[0]


def _behind_header(line: int, piece: bytes, header: int) -> tuple[int, bytes, bytes]:
    """(next line, the header's text if it is here, what follows it) of a piece that begins at `line`."""
    title = b""
    position = 0
    while line <= header and position < len(piece):
        end = piece.index(b"\n", position) + 1
        title = piece[position:end].strip() if line == header else b""
        position, line = end, line + 1
    return line, title, piece[position:]


def _without(title: bytes, piece: bytes) -> bytes:
    """The piece with a blank line for each line that is the header once more."""
    spans: list[tuple[int, int]] = []
    position = piece.find(title)
    while position >= 0:
        begin, end = piece.rfind(b"\n", 0, position) + 1, piece.index(b"\n", position)
        if piece[begin:end].strip() == title:
            spans.append((begin, end))
        position = piece.find(title, end)
    return _emptied(piece, spans)


def _emptied(data: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    """`data` without these stretches, which are in order."""
    edges = [0, *(edge for span in spans for edge in span), len(data)]
    return b"".join(data[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)) if spans else data


def _pieces(path: Path, encoding: Encoding) -> Iterator[tuple[int, bytes, list[Broken]]]:
    """(first line, whole lines in UTF-8, lines set aside) after another; each piece ends with a line break."""
    line, rest = 1, b""
    overlong = False
    for chunk in _chunks(path, encoding):
        cut = chunk.rfind(b"\n") + 1
        if overlong:
            if not cut:
                continue
            # The line's beginning was kept; its end is passed over, and a blank line stands for it.
            end = chunk.index(b"\n")
            text = rest[:KEPT_CHARACTERS].decode(_ascii_like(encoding), "replace")
            yield line, b"\n", [(line, text, f"a line of more than {LONGEST_LINE_BYTES >> 20} MB")]
            line, rest, overlong = line + 1, b"", False
            chunk, cut = chunk[end + 1 :], cut - end - 1
        if cut:
            piece, broken = _in_utf8(rest + chunk[:cut], line, encoding)
            yield line, piece, broken
            line, rest = line + piece.count(b"\n"), chunk[cut:]
        elif chunk:
            rest += chunk
        if len(rest) > LONGEST_LINE_BYTES:
            rest, overlong = rest[:KEPT_CHARACTERS], True
    if overlong:
        text = rest.decode(_ascii_like(encoding), "replace")
        yield line, b"\n", [(line, text, f"a line of more than {LONGEST_LINE_BYTES >> 20} MB")]
    elif rest:
        yield line, *_in_utf8(rest + b"\n", line, encoding)


def _ascii_like(encoding: Encoding) -> str:
    """The encoding of what `_chunks` gives."""
    return "utf-8" if encoding.name in _WIDE else encoding.name


def _chunks(path: Path, encoding: Encoding) -> Iterator[bytes]:
    """The file without its mark, in an encoding that shows line breaks, quotes and delimiters as ASCII does."""
    decoder = codecs.getincrementaldecoder(encoding.name)() if encoding.name in _WIDE else None
    old_mac: bool | None = None
    with open_bytes(path) as file:
        file.read(encoding.mark)
        while chunk := file.read(BLOCK_BYTES):
            if decoder:
                chunk = decoder.decode(chunk).encode()
            if old_mac is None:
                old_mac = b"\n" not in chunk and b"\r" in chunk
            yield chunk.replace(b"\r", b"\n") if old_mac else chunk


def _in_utf8(piece: bytes, line: int, encoding: Encoding) -> tuple[bytes, list[Broken]]:
    """The piece in UTF-8, with a blank line for each line that is not text in this encoding."""
    if encoding.clean:
        return (piece if encoding.name in {"utf-8", *_WIDE} else piece.decode(encoding.name).encode()), []
    texts: list[str] = []
    broken: list[Broken] = []
    for number, raw in enumerate(piece.split(b"\n"), start=line):
        try:
            texts.append(raw.decode(encoding.name))
        except UnicodeDecodeError as error:
            texts.append("")
            shown = raw.decode(encoding.name, "replace").rstrip()[:KEPT_CHARACTERS]
            broken.append((number, shown, f"not {encoding.name} text at byte {error.start + 1}"))
    return "\n".join(texts).encode(), broken


class _RowCutter:
    """Finds where rows end when cells may hold line breaks.

    A cell in quotes may run over several lines if the row then has as many cells as the header. Otherwise the quote was
    never meant to open a cell of many lines, and only the line it stands on is set aside.
    """

    def __init__(self, delimiter: bytes, width: int) -> None:
        self.delimiter = delimiter
        self.width = width

    def cut(self, first: int, data: bytes, last: bool) -> tuple[Rows, bytes]:
        """(whole rows, the rest) of lines of which the first is number `first`; nothing rests of the `last` ones."""
        nothing = np.empty(0, np.int64)
        if b'"' not in data:
            return Rows(data, first, nothing), b""
        buffer = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(buffer == 10)
        quotes = np.searchsorted(np.flatnonzero(buffer == 34), ends)
        odd = np.flatnonzero(np.diff(quotes, prepend=0) & 1)
        if not len(odd):
            return Rows(data, first, nothing), b""
        return self._walk(first, data, np.concatenate(([0], ends + 1)).tolist(), odd.tolist(), last)

    def _walk(self, first: int, data: bytes, begins: list[int], odd: list[int], last: bool) -> tuple[Rows, bytes]:
        """As `cut`; a cell can only stay open at the end of a line with an odd number of quotes."""
        count = len(begins) - 1
        inner: list[int] = []
        unclosed: list[int] = []
        done = 0
        for opening in odd:
            if opening < done:
                continue
            is_open, cells = self._scan(data[begins[opening] : begins[opening + 1]], False)
            closing = opening
            while is_open and closing + 1 < count and closing - opening < _LONGEST_CELL_LINES:
                closing += 1
                is_open, more = self._scan(data[begins[closing] : begins[closing + 1]], True)
                cells += more
            if is_open and closing + 1 == count and closing - opening < _LONGEST_CELL_LINES and not last:
                return self._rows(first, data[: begins[opening]], begins, inner, unclosed), data[begins[opening] :]
            if is_open or (closing > opening and cells + 1 != self.width):
                unclosed.append(opening)
                done = opening + 1
            else:
                inner += [begins[number] - 1 for number in range(opening + 1, closing + 1)]
                done = closing + 1
        return self._rows(first, data, begins, inner, unclosed), b""

    def _scan(self, line: bytes, is_open: bool) -> tuple[bool, int]:
        """(whether a quoted cell is open at the end of the line, delimiters outside quotes)."""
        position = cells = 0
        while True:
            if not is_open and line[position : position + 1] == b'"':
                is_open, position = True, position + 1
            if is_open:
                end = line.find(b'"', position)
                while end >= 0 and line[end + 1 : end + 2] == b'"':
                    end = line.find(b'"', end + 2)
                if end < 0:
                    return True, cells
                is_open, position = False, end + 1
            position = line.find(self.delimiter, position) + 1
            if not position:
                return False, cells
            cells += 1

    def _rows(self, first: int, data: bytes, begins: list[int], inner: list[int], unclosed: list[int]) -> Rows:
        spans = [(begins[number], begins[number + 1] - 1) for number in unclosed]
        broken = [
            (
                first + number,
                data[begin:end].decode("utf-8", "replace").rstrip()[:KEPT_CHARACTERS],
                "a quote is opened and not closed as it should be",
            )
            for number, (begin, end) in zip(unclosed, spans, strict=True)
        ]
        places = np.array(inner, np.int64)
        removed = np.cumsum([0, *(end - begin for begin, end in spans)])
        places -= removed[np.searchsorted([begin for begin, _ in spans], places)]
        return Rows(_emptied(data, spans), first, places, broken)
