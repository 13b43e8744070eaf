"""JSON records as rows of text that keep every literal as it was delivered.

A number's text is part of the record (10.10 is not 10.1, and a 64-bit id does not survive a float), so values are cut
out of the document instead of being parsed and written again. No column names and no HTTP here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Python would accept NaN and Infinity, which no JSON function of a database does.
_DECODER = JSONDecoder(parse_constant=_refuse_constant)
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+')
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)


def compact(text: str) -> str:
    """The same JSON text without white space between tokens, and with nothing that is JSON and not Unicode."""
    if '": ' in text or "\n" in text or '", ' in text:
        text = _STRING_OR_SPACE.sub(r"\1", text)
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(lambda match: "\\ufffd" if match[1] else match[0], text)
    return text


def _skip(text: str, position: int) -> int:
    return _SPACE.match(text, position).end()  # type: ignore[union-attr]


def _end_of_value(text: str, position: int) -> int:
    return _DECODER.raw_decode(text, position)[1]


def members(text: str, position: int = 0) -> Iterator[tuple[str, int, int]]:
    """(name, start, end) of each member of the JSON object at `position`; text[start:end] is the value's text.

    Raises ValueError where the text is not a JSON object.
    """
    position = _skip(text, position)
    if text[position : position + 1] != "{":
        raise ValueError("not a JSON object")
    position = _skip(text, position + 1)
    if text[position : position + 1] == "}":
        return
    while True:
        if text[position : position + 1] != '"':
            raise ValueError(f"a member name is missing at character {position}")
        name, position = scanstring(text, position + 1, True)
        position = _skip(text, position)
        if text[position : position + 1] != ":":
            raise ValueError(f"a colon is missing at character {position}")
        start = _skip(text, position + 1)
        end = _end_of_value(text, start)
        yield name, start, end
        position = _skip(text, end)
        mark = text[position : position + 1]
        if mark == "}":
            return
        if mark != ",":
            raise ValueError(f"a comma is missing at character {position}")
        position = _skip(text, position + 1)


def elements(text: str, position: int = 0) -> Iterator[tuple[int, int]]:
    """(start, end) of each element of the JSON list at `position`."""
    position = _skip(text, position)
    if text[position : position + 1] != "[":
        raise ValueError("not a JSON list")
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        return
    while True:
        end = _end_of_value(text, position)
        yield position, end
        position = _skip(text, end)
        mark = text[position : position + 1]
        if mark == "]":
            return
        if mark != ",":
            raise ValueError(f"a comma is missing at character {position}")
        position = _skip(text, position + 1)


def scalar(text: str) -> str | None:
    """A value's text as a raw column holds it: strings without quotes, null as None, everything else as delivered."""
    if text.startswith('"'):
        return str(json.loads(compact(text)))
    if text == "null":
        return None
    return compact(text) if text[:1] in "{[" else text


def row(text: str, columns: Sequence[str], start: int = 0) -> dict[str, str | None]:
    """The JSON object at `start` as {column: text}, what is not among `columns` as a JSON object under `_extra`."""
    declared = set(columns)
    values: dict[str, str | None] = {}
    extra: list[str] = []
    for name, begin, end in members(text, start):
        if name in declared:
            values[name] = scalar(text[begin:end])
        else:
            extra.append(json.dumps(name, ensure_ascii=False) + ":" + compact(text[begin:end]))
    if extra:
        values["_extra"] = "{" + ",".join(extra) + "}"
    return values


def whole_row(text: str, columns: Sequence[str]) -> dict[str, str | None]:
    """As `row`, for a text that has to be one JSON object and nothing else. Raises ValueError where it is not."""
    if not isinstance(_DECODER.decode(text), dict):
        raise ValueError("it is another JSON value")
    return row(text, columns)


def rows_of(text: str, member: str, columns: Sequence[str]) -> list[dict[str, str | None]]:
    """The records in the list under `member` of a JSON document, each as `row` gives it; no such member, no rows."""
    for name, start, _ in members(text):
        if name == member:
            return [row(text, columns, begin) for begin, _ in elements(text, start)]
    return []
