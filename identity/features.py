"""What a record states about a person, as plain texts that can be compared.

Here: the kinds of fuzzy columns, one normalised text a field and the coarser forms that blocks and comparisons need
(letters that sound alike, parts of a date, the words of a street). Not here: which records are compared (`blocking`),
how alike two texts are (`comparisons`), identifiers that link by themselves (`normalise`).

Fields come in a fixed order of kinds, then of column names. A full name only fills a given and family name that the
record does not state by themselves, so that one name is not counted twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from identity.names import parse_name
from identity.nicknames import short_forms
from identity.pinyin import pinyin_of

GIVEN, FAMILY, FULL, BIRTH = "given_name", "family_name", "full_name", "date_of_birth"
KINDS = (
    *(GIVEN, FAMILY, FULL, BIRTH, "postcode", "street", "city", "phone", "email", "occupation", "birth_place"),
    *("gender", "other"),
)
CODE = "code"  # what an identifier is beside phone and e-mail: compared letter by letter
_ORDER = (*KINDS, CODE)

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ß": "ss"})
_LONGEST = 300  # characters of a text that are looked at
_NOT_WORD = re.compile(r"[^\w]+|_")
_DIGITS = re.compile(r"\d+")
_NOTHING = frozenset(("", "nan", "none", "null", "n a", "na", "unknown", "nil", "not known", "missing"))
_STREET_WORDS = {
    **dict.fromkeys(("st", "str", "street", "strasse"), "st"),
    **dict.fromkeys(("rd", "road"), "rd"),
    **dict.fromkeys(("ave", "av", "avenue"), "av"),
    **dict.fromkeys(("pl", "place"), "pl"),
    **dict.fromkeys(("cres", "cr", "crescent"), "cr"),
    **dict.fromkeys(("cct", "crct", "circuit"), "cct"),
    **dict.fromkeys(("ct", "court"), "ct"),
    **dict.fromkeys(("dr", "drv", "drive"), "dr"),
    **dict.fromkeys(("ln", "lane"), "ln"),
    **dict.fromkeys(("cl", "close"), "cl"),
}
_MONTHS = {name: at for at, name in enumerate(re.findall("...", "janfebmaraprmayjunjulaugsepoctnovdec"), start=1)}
# In a full name these are no names, and what follows a comma is none where it holds one of them.
_HONOURS = frozenset(
    re.findall(
        r"\w+",
        "baron baronet baroness earl duke duchess viscount lord lady marquess count countess sir dame knight of the "
        "jr sr junior senior esq phd md kc qc obe mbe cbe",
    )
)
_SOUNDS = str.maketrans("bfpvcgjkqsxzdtlmnr", "111122222222334556")


class Field(NamedTuple):
    """One thing a record states: its column in the feature table, its kind, the columns it came from."""

    name: str
    kind: str
    columns: tuple[str, ...]


def fields_of(fuzzy: Mapping[str, str]) -> list[Field]:
    """The fields of a configuration: names together, everything else a field a column."""
    by_kind: dict[str, list[str]] = {}
    for column in sorted(fuzzy):
        by_kind.setdefault(fuzzy[column], []).append(column)
    fields: list[Field] = []
    full = tuple(by_kind.get(FULL, ()))
    for kind in _ORDER:
        columns = by_kind.get(kind, [])
        if kind == FULL:
            continue
        if kind in (GIVEN, FAMILY) and (columns or full):
            fields.append(Field(kind, kind, (*columns[:1], *full)))
            columns = columns[1:]
        fields += [
            Field(kind if at == 0 and kind not in (GIVEN, FAMILY) else f"{kind}_{at + 1}", kind, (column,))
            for at, column in enumerate(columns)
        ]
    return fields


def feature_table(records: pa.Table, fuzzy: Mapping[str, str]) -> pa.Table:
    """One row per record in the given order, one text column per field; null where nothing usable is stated."""
    texts = {column: _texts(records[column]) for column in fuzzy}
    fields = fields_of(fuzzy)
    first: dict[str, str] = {}
    for column in sorted(fuzzy):
        first.setdefault(fuzzy[column], column)
    given, family = (_each(texts[first[kind]], plain) if kind in first else None for kind in (GIVEN, FAMILY))
    whole = texts[first[FULL]] if FULL in first else None
    out = dict(zip((GIVEN, FAMILY), _names(given, family, whole, records.num_rows), strict=True))
    for field in fields:
        if field.name not in out:
            out[field.name] = _each(texts[field.columns[0]], _NORMALISERS.get(field.kind, plain))
    return pa.table({field.name: out[field.name] for field in fields})


def plain(text: str) -> str:
    """Lower-case words without accents and punctuation; '' for a placeholder."""
    text = unicodedata.normalize("NFKC", text).strip().casefold().translate(_LETTERS)
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        text = unicodedata.normalize("NFC", text)
    text = " ".join(word for word in _NOT_WORD.split(text) if word)
    return "" if text in _NOTHING else text


def birth_digits(text: str) -> str:
    """A date as eight digits, year first, whichever way it is written; '' when it is none."""
    text = unicodedata.normalize("NFKC", text).strip().casefold()
    parts = _DIGITS.findall(text)
    named = next((number for name, number in _MONTHS.items() if name in text), None)
    if named is not None and len(parts) == 2:
        parts = [parts[0], str(named), parts[1]] if len(parts[1]) == 4 else [parts[1], str(named), parts[0]]
    if len(parts) == 1 and len(parts[0]) == 8:
        return f"{int(parts[0]):08d}"
    if len(parts) >= 3 and len(parts[0]) == 4:
        return f"{int(parts[0]):04d}{int(parts[1]) % 100:02d}{int(parts[2]) % 100:02d}"
    if len(parts) >= 3 and len(parts[2]) == 4:
        return f"{int(parts[2]):04d}{int(parts[1]) % 100:02d}{int(parts[0]) % 100:02d}"
    if len(parts) == 1 and len(parts[0]) == 4:
        return f"{int(parts[0]):04d}0000"
    return ""


def sound(text: str) -> str:
    """Letters that sound alike as one (after Soundex, but the whole word, and the first letter coded by sound too)."""
    text = pinyin_of(text) or text if text and not text[0].isascii() else text
    text = text.replace(" ", "")
    if not text.isascii() or not text:
        return text
    for one, other in (("ph", "f"), ("gh", "g"), ("kn", "n"), ("wr", "r"), ("ck", "k"), ("sch", "s"), ("mb", "m")):
        text = text.replace(one, other)
    coded = text.translate(_SOUNDS)
    kept = [c for at, c in enumerate(coded) if c.isdigit() and (at == 0 or coded[at - 1] != c)]
    first = coded[0] if coded[0].isdigit() else "0"
    return (first + "".join(kept[1:] if coded[0].isdigit() else kept))[:5]


def spoken(text: str) -> str:
    """A name in Latin letters without spaces: the pinyin of Chinese characters, anything else as it is."""
    if text and not text[0].isascii():
        return pinyin_of(text.replace(" ", "")) or text
    return text.replace(" ", "")


def _email(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).strip().casefold().removeprefix("mailto:")
    return text if "@" in text[1:] else ""


def _phone(text: str) -> str:
    digits = "".join(_DIGITS.findall(unicodedata.normalize("NFKC", text))).lstrip("0")
    # The last nine digits are the same with and without a country's prefix.
    return digits[-9:] if len(digits) >= 5 else ""


def _postcode(text: str) -> str:
    return plain(text).replace(" ", "")


def street_words(text: str) -> str:
    """A street in lower case, its usual words in one form."""
    return " ".join(_STREET_WORDS.get(word, word) for word in plain(text).split())


def _gender(text: str) -> str:
    text = plain(text)
    return {"男": "m", "女": "f", "w": "f", "man": "m"}.get(text, text[:1])


_NORMALISERS: dict[str, Callable[[str], str]] = {
    BIRTH: birth_digits,
    "postcode": _postcode,
    "street": street_words,
    "phone": _phone,
    "email": _email,
    "gender": _gender,
    CODE: _postcode,
}


def _names(
    given: pa.Array | None, family: pa.Array | None, full: pa.DictionaryArray | None, n: int
) -> tuple[pa.Array, pa.Array]:
    """Given and family names, as stated or else out of a full name."""
    nothing: list[str | None] = [None] * n
    columns = [column.to_pylist() if column is not None else nothing for column in (given, family, full)]
    known: dict[tuple[str | None, ...], tuple[str | None, str | None]] = {}
    rows = []
    for row in zip(*columns, strict=True):
        if row not in known:
            known[row] = _fill(*row)
        rows.append(known[row])
    return pa.array([row[0] for row in rows], pa.string()), pa.array([row[1] for row in rows], pa.string())


def _fill(given: str | None, family: str | None, full: str | None) -> tuple[str | None, str | None]:
    if full and not (given and family):
        whole = _without_honours(full[:_LONGEST])
        name = parse_name(given, whole, family)
        if name is not None:
            given, family = given or plain(name.given) or None, family or plain(name.family) or None
        elif not given and not family:
            family = plain(whole) or None  # one word: more often than not what a person is filed under
    return given, family


def _without_honours(full: str) -> str:
    first, *later = full.split(",")
    later = [part for part in later if _HONOURS.isdisjoint(plain(part).split()) and not _DIGITS.search(part)]
    parts = [
        " ".join(w for w in p.split() if plain(w) not in _HONOURS and not _DIGITS.search(w)) for p in (first, *later)
    ]
    return ",".join(part for part in parts if part)


def _texts(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column of any type as dictionary-coded text."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_floating(values.type):
        values = pa.array([None if v is None or v != v else f"{v:.15g}" for v in values.to_pylist()], pa.string())
    elif not pa.types.is_string(values.type):
        values = pa.array([_written(v) for v in values.to_pylist()], pa.string())
    return values.dictionary_encode()


def _written(value: object) -> str | None:
    if isinstance(value, datetime):
        value = value.date()
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)


def _each(coded: pa.DictionaryArray, normalise: Callable[[str], str]) -> pa.Array:
    """A function on the distinct texts of a column."""
    done = pa.array([normalise(text[:_LONGEST]) or None for text in coded.dictionary.to_pylist()], pa.string())
    return done.take(coded.indices)


def map_distinct(column: pa.ChunkedArray | pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """A function of text on a column's distinct values; '' becomes null."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = values.dictionary_encode()
    return pa.array([function(t) or None for t in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def codes(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Distinct values as integers from 0 in the order of their text; -1 for null."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = values.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    place = np.empty(len(texts) + 1, dtype=np.int64)
    place[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    place[-1] = -1
    return place[coded.indices.fill_null(len(texts)).to_numpy()]


def nicknames(name: str) -> list[int]:
    """The marks of a given name: equal marks are forms of one name."""
    return short_forms(name.split(" ")[0]) if name else []
