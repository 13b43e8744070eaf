"""What can happen to a file on its way: each a function from its content to another content, drawn from a generator.

What nobody can tell from a good file is not here: a digit that became another digit, or a file cut off inside the very
last cell of a row, is another figure to every reader.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingestion.canonical import ENTITIES
from ingestion.mapping import ExportMapping
from ingestion.sheet import Header


@dataclass(frozen=True)
class Delivered:
    """A file as its source wrote it, and the mapping of its folder; events have none."""

    path: Path
    mapping: ExportMapping | None

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()

    @property
    def is_lines_of_json(self) -> bool:
        return ".jsonl" in self.path.name

    @property
    def has_lines_without_numbers(self) -> bool:
        lines = self.mapping.entities.get("order_lines", {}) if self.mapping else {}
        return bool(lines) and "line_number" not in lines

    def text(self) -> str:
        data = self.content
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        for encoding in ("utf-8-sig", "utf-16", "gb18030"):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                continue
        raise ValueError(self.path)

    def rows(self) -> tuple[list[list[str]], int]:
        """The cells of a delimited file, and where its header is: the first row with as many cells as any."""
        text = self.text()
        delimiter = max(",\t;", key=text.splitlines()[-1].count)
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
        widest = max(map(len, rows))
        return rows, next(place for place, row in enumerate(rows) if len(row) == widest)


Corruption = Callable[[random.Random, Delivered], bytes | None]


def _written(rows: list[list[str]], delimiter: str = ",", ends: str = "\n") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ends).writerows(rows)
    return out.getvalue().encode()


def _lines(file: Delivered) -> list[str]:
    return [line for line in file.text().split("\n") if line.strip()]


# What is read as if nothing had happened.


def with_mark(rng: random.Random, file: Delivered) -> bytes | None:
    return file.text().encode("utf-8-sig")


def in_utf16(rng: random.Random, file: Delivered) -> bytes | None:
    return None if file.is_lines_of_json else file.text().encode("utf-16")


def in_gb18030(rng: random.Random, file: Delivered) -> bytes | None:
    # A mapping that states its encoding is taken at its word.
    stated = file.mapping and file.mapping.encoding
    return None if file.is_lines_of_json or stated else file.text().encode("gb18030")


def other_line_ends(rng: random.Random, file: Delivered) -> bytes | None:
    return file.text().replace("\r\n", "\n").replace("\n", "\r\n").encode()


def shuffled_columns(rng: random.Random, file: Delivered) -> bytes | None:
    if file.is_lines_of_json:
        lines = (list(json.loads(line).items()) for line in _lines(file))
        shuffled = (dict(rng.sample(line, len(line))) for line in lines)
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in shuffled).encode()
    rows, header = file.rows()
    order = rng.sample(range(len(rows[header])), len(rows[header]))
    return _written(
        rows[:header] + [[row[place] for place in order] if len(row) == len(order) else row for row in rows[header:]]
    )


def reordered_rows(rng: random.Random, file: Delivered) -> bytes | None:
    if file.is_lines_of_json:
        lines = _lines(file)
        return "".join(f"{line}\n" for line in rng.sample(lines, len(lines))).encode()
    if file.has_lines_without_numbers:
        # They are numbered as they stand.
        return None
    rows, header = file.rows()
    whole = [row for row in rows[header + 1 :] if len(row) == len(rows[header])]
    rest = [row for row in rows[header + 1 :] if len(row) != len(rows[header])]
    return _written(rows[: header + 1] + rng.sample(whole, len(whole)) + rest)


def header_again(rng: random.Random, file: Delivered) -> bytes | None:
    if file.is_lines_of_json:
        return None
    rows, header = file.rows()
    place = rng.randrange(header + 1, len(rows) + 1)
    return _written([*rows[:place], rows[header], *rows[place:]])


def packed(rng: random.Random, file: Delivered) -> bytes | None:
    return gzip.compress(file.text().encode())


HARMLESS: dict[str, Corruption] = {
    "with-mark": with_mark, "utf-16": in_utf16, "gb18030": in_gb18030, "line-ends": other_line_ends,
    "shuffled-columns": shuffled_columns, "reordered-rows": reordered_rows, "header-again": header_again,
    "packed": packed,
}  # fmt: skip


# What must end in quarantine, a refusal or nothing.


def cut_off(rng: random.Random, file: Delivered) -> bytes | None:
    data = file.content
    if data[:2] == b"\x1f\x8b":
        return data[: rng.randrange(20, max(21, len(data) - 8))]
    text = file.text()
    lines = text.split("\n")
    line = rng.randrange(max(1, len(lines) // 2), len(lines)) if len(lines) > 2 else len(lines) - 1
    kept, broken = lines[:line], lines[line]
    return "\n".join([*kept, broken[: len(broken) // 3]]).encode()


def noise(rng: random.Random, file: Delivered) -> bytes | None:
    data = bytearray(file.content)
    for _ in range(1 + len(data) // 2000):
        place = rng.randrange(len(data))
        data[place : place + rng.randrange(1, 30)] = rng.choice((b"\xff", b"\x00", b"\xff\x00\xff")) * 3
    return bytes(data)


def another_language(rng: random.Random, file: Delivered) -> bytes | None:
    """Its letters lost, where its header has any."""
    if file.is_lines_of_json:
        return None
    rows, header = file.rows()
    return None if "".join(rows[header]).isascii() else file.text().encode("latin-1", "replace")


def without_a_column(rng: random.Random, file: Delivered) -> bytes | None:
    if file.is_lines_of_json or not file.mapping:
        return None
    rows, header = file.rows()
    names = rows[header]
    needed = [
        place
        for place in range(len(names))
        if file.mapping.missing(Header([name for other, name in enumerate(names) if other != place]))
    ]
    if not needed:
        return None
    gone = rng.choice(needed)
    return _written([[cell for place, cell in enumerate(row) if place != gone] for row in rows])


def other_types(rng: random.Random, file: Delivered) -> bytes | None:
    """What is a number or a time all along becomes a word."""
    words = ("n/a", "#REF!", "soon", "{}", "1e999x")
    if file.is_lines_of_json:
        times = {"timestamp", "originalTimestamp", "occurred_at"}
        word = rng.choice(words)
        changed = (
            {name: word if name in times else value for name, value in json.loads(line).items()}
            for line in _lines(file)
        )
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in changed).encode()
    rows, header = file.rows()
    body = [row for row in rows[header + 1 :] if len(row) == len(rows[header])]
    if not body:
        return None
    typed = _typed(file, rows[header])
    if not typed:
        return None
    word, place = rng.choice(words), rng.choice(typed)
    return _written(
        rows[: header + 1] + [[*row[:place], f"{word}", *row[place + 1 :]] if len(row) > place else row for row in body]
    )


def _typed(file: Delivered, names: list[str]) -> list[int]:
    """Where the cells are that the mapping needs and reads as numbers or times; a word is an id like any other."""
    header = Header(names)
    entities = file.mapping.entities.items() if file.mapping else ()
    found = [
        header.find(rule.headers)
        for entity, rules in entities
        for column, rule in rules.items()
        if rule.headers and not rule.optional and ENTITIES[entity].columns.get(column) in ("number", "date", "time")
    ]
    return sorted({header.names.index(name) for name in found if name})


def more_cells(rng: random.Random, file: Delivered) -> bytes | None:
    if file.is_lines_of_json:
        return None
    rows, header = file.rows()
    return _written(rows[: header + 1] + [[*row[:1], "x", "y", *row[1:]] for row in rows[header + 1 :]])


def from_the_future(rng: random.Random, file: Delivered) -> bytes | None:
    if not file.is_lines_of_json:
        return None
    told = [json.loads(line) for line in rng.sample(_lines(file), min(20, len(_lines(file))))]
    for number, line in enumerate(told):
        for name in ("messageId", "message_id"):
            if name in line:
                line[name] = f"skewed-{rng.random()}-{number}"
        for name in ("timestamp", "originalTimestamp", "sentAt", "receivedAt", "occurred_at"):
            if name in line:
                line[name] = f"2199-01-0{rng.randrange(1, 9)}T10:00:00Z"
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in told).encode()


def empty(rng: random.Random, file: Delivered) -> bytes | None:
    return rng.choice((b"", b"\n\n", b"\xef\xbb\xbf"))


def header_only(rng: random.Random, file: Delivered) -> bytes | None:
    if file.is_lines_of_json:
        return None
    rows, header = file.rows()
    return _written(rows[: header + 1])


def a_web_page(rng: random.Random, file: Delivered) -> bytes | None:
    return b"<!DOCTYPE html><html><body>Your session has expired. <a href='/login'>Sign in</a></body></html>"


def an_error(rng: random.Random, file: Delivered) -> bytes | None:
    return b'{"error":{"code":401,"message":"token expired"}}\n'


def another_format(rng: random.Random, file: Delivered) -> bytes | None:
    heads = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1", b"\x89PNG\r\n", b"%PDF-1.7")
    return rng.choice(heads) + rng.randbytes(2000)


def of_another_folder(rng: random.Random, file: Delivered) -> bytes | None:
    return None if file.is_lines_of_json else b"sku,on_hand,warehouse\nA-1,5,north\nA-2,7,south\n"


HARMFUL: dict[str, Corruption] = {
    "cut-off": cut_off, "noise": noise, "another-language": another_language, "without-a-column": without_a_column,
    "other-types": other_types, "more-cells": more_cells, "from-the-future": from_the_future, "empty": empty,
    "header-only": header_only, "a-web-page": a_web_page, "an-error": an_error, "another-format": another_format,
    "of-another-folder": of_another_folder,
}  # fmt: skip
