"""How alike two profiles are, field by field, as levels.

Here: the levels of each field, best of several values, for given pairs of profiles; names in two scripts. Not here:
which pairs (`neighbours`), what a level is worth (`households`), Splink's conditions (`comparisons`).

Level 0 is "nothing alike", the highest level "equal", -1 "one of the two does not say". Only distinct pairs of values
are compared, by Splink, and of telephones, mailboxes and birth dates only those that are a slip apart at most; a level
depends on the two values alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from identity.comparisons import Comparer, levels_of
from identity.features import BIRTH, FAMILY, GIVEN, Field
from identity.names import Name, agree, script_of
from identity.pinyin import pinyin_of
from identity.profiles import Profiles
from identity.slips import slip_apart

LEVELS = {
    "given_name": ("else", "near", "close", "form", "equal"),
    "family_name": ("else", "near", "form", "equal"),
    "birth_date": ("else", "slip", "equal"),
    "street": ("else", "near", "equal"),
    "postcode": ("else", "equal"),
    "phone": ("else", "slip", "equal"),
    "email": ("else", "slip", "mailbox", "equal"),
    "gender": ("else", "equal"),
}
# The levels of Splink's comparisons, by the names above; a level that is not named counts as nothing alike.
_AS = {
    "given_name": {"near": 1, "close": 2, "initial": 2, "one letter": 2, "form": 3, "equal": 4},
    "family_name": {"near": 1, "close": 1, "one letter": 1, "form": 2, "equal": 3},
    "birth_date": {"one digit or swapped": 1, "equal": 2},
    "street": {"one letter": 1, "close": 1, "equal": 2},
    "phone": {"one character": 1, "equal": 2},
    "email": {"one character": 1, "mailbox": 2, "equal": 3},
}
_KIND = {
    "given_name": GIVEN,
    "family_name": FAMILY,
    "birth_date": BIRTH,
    "street": "street",
    "phone": "phone",
    "email": "mailbox",
}


def _slip_of_birth(texts: Sequence[str], one: np.ndarray, other: np.ndarray) -> np.ndarray:
    swapped = [text[:4] + text[6:] + text[4:6] for text in texts]
    as_swapped = [swapped[at] == texts[end] for at, end in zip(one.tolist(), other.tolist(), strict=True)]
    return slip_apart(texts, one, other) | np.array(as_swapped, dtype=bool)


# Whether Splink could find two values of a field alike at all: what it calls so is within one slip.
_MAY_BE_ALIKE: dict[str, Callable[[Sequence[str], np.ndarray, np.ndarray], np.ndarray]] = {
    "phone": slip_apart,
    "email": lambda texts, one, other: slip_apart([text.split("@")[0] for text in texts], one, other),
    "birth_date": _slip_of_birth,
}


class _Names(NamedTuple):
    given: str
    family: str


class Compared:
    """Levels of pairs of values of some profiles, kept so that a pair is compared once."""

    def __init__(self) -> None:
        self._keys = {name: np.empty(0, dtype=np.int64) for name in _KIND}
        self._levels = {name: np.empty(0, dtype=np.int8) for name in _KIND}
        self._latin: dict[str, np.ndarray] = {}

    def missing(self, name: str, keys: np.ndarray) -> np.ndarray:
        """Which of the keys are not known."""
        known = self._keys[name]
        if len(known) == 0:
            return np.ones(len(keys), dtype=bool)
        at = np.searchsorted(known, keys)
        return np.asarray(known[np.minimum(at, len(known) - 1)] != keys)

    def add(self, name: str, keys: np.ndarray, levels: np.ndarray) -> None:
        """Keep the levels of keys that were missing."""
        keys, levels = np.concatenate([self._keys[name], keys]), np.concatenate([self._levels[name], levels])
        order = np.argsort(keys, kind="stable")
        self._keys[name], self._levels[name] = keys[order], levels[order]

    def of(self, name: str, keys: np.ndarray) -> np.ndarray:
        """The levels of keys that are known."""
        return self._levels[name][np.searchsorted(self._keys[name], keys)]

    def latin(self, name: str, texts: Sequence[str]) -> np.ndarray:
        """Which values of a field are in Latin letters; and false, for none."""
        if name not in self._latin:
            self._latin[name] = np.array([*(script_of(text) == "latin" for text in texts), False], dtype=bool)
        return self._latin[name]


def levels(profiles: Profiles, left: np.ndarray, right: np.ndarray, known: Compared | None = None) -> np.ndarray:
    """One row a pair, one column a field of `LEVELS`. `known`: of these profiles; what is compared is added to it."""
    out = np.full((len(left), len(LEVELS)), -1, dtype=np.int8)
    stated = {name: _stated_pairs(profiles, name, left, right) for name in _KIND}
    known = known or Compared()
    compared = _compare(profiles, stated, known)
    for at, name in enumerate(LEVELS):
        if name in _KIND:
            # Of several values the most alike count.
            np.maximum.at(out[:, at], stated[name].row, compared[name])
        else:
            one, other = profiles.single[name][left], profiles.single[name][right]
            out[:, at] = np.where((one < 0) | (other < 0), -1, one == other)
    _two_scripts(profiles, left, right, out, known)
    return out


class _Stated(NamedTuple):
    """Values that both of a pair state: the pair's row and two codes, the lower first."""

    row: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _stated_pairs(profiles: Profiles, name: str, left: np.ndarray, right: np.ndarray) -> _Stated:
    codes = profiles.several[name] if name in profiles.several else profiles.single[name][:, None]
    rows, ones, others = [], [], []
    for one in range(codes.shape[1]):
        for other in range(codes.shape[1]):
            a, b = codes[left, one], codes[right, other]
            both = np.flatnonzero((a >= 0) & (b >= 0))
            rows.append(both)
            ones.append(a[both])
            others.append(b[both])
    row, a, b = np.concatenate(rows), np.concatenate(ones), np.concatenate(others)
    return _Stated(row, np.minimum(a, b), np.maximum(a, b))


def _compare(profiles: Profiles, stated: dict[str, _Stated], known: Compared) -> dict[str, np.ndarray]:
    """Levels of pairs of values: each distinct pair is compared once, those of all fields in one go."""
    fields = [Field(name, kind, (name,)) for name, kind in _KIND.items()]
    asked: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    columns: dict[str, list[str | None]] = {name: [] for name in _KIND}
    ends: list[tuple[np.ndarray, np.ndarray]] = []
    size = 0
    out = {}
    kept: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = {}
    for name, (_, low, high) in stated.items():
        texts = profiles.texts[name]
        width = max(len(texts), 1)
        pairs, of_pair = np.unique(low * width + high, return_inverse=True)
        a, b = pairs // width, pairs % width
        alike = np.flatnonzero(a != b)
        if name in _MAY_BE_ALIKE:
            used, place = np.unique(np.concatenate([a[alike], b[alike]]), return_inverse=True)
            words = [texts[i] for i in used.tolist()]
            alike = alike[_MAY_BE_ALIKE[name](words, place[: len(alike)], place[len(alike) :])]
        kept[name] = pairs, of_pair, a == b, alike
        new = alike[known.missing(name, pairs[alike])]
        a, b = a[new], b[new]
        asked[name] = a, b
        used, place = np.unique(np.concatenate([a, b]), return_inverse=True)
        for column, values in columns.items():
            values += [texts[i] for i in used.tolist()] if column == name else [None] * len(used)
        ends.append((size + place[: len(a)], size + place[len(a) :]))
        size += len(used)
    table = pa.table({name: pa.array(texts, pa.string()) for name, texts in columns.items()})
    found = np.empty((0, len(fields)), dtype=np.int8)
    if size:
        found = Comparer(table, fields).levels(*(np.concatenate(end) for end in zip(*ends, strict=True)))
    begin = 0
    for at, field in enumerate(fields):
        name = field.name
        a, b = asked[name]
        names = [level.name for level in levels_of(field, fields)][::-1]
        of_level = np.array([_AS[name].get(level, 0) for level in names], dtype=np.int8)
        level = of_level[found[begin : begin + len(a), at]]
        begin += len(a)
        if name in _HAN:
            _in_characters(name, profiles.texts[name], known.latin(name, profiles.texts[name]), a, b, level)
        known.add(name, a * max(len(profiles.texts[name]), 1) + b, level)
        pairs, of_pair, equal, alike = kept[name]
        level = np.where(equal, len(LEVELS[name]) - 1, 0).astype(np.int8)
        level[alike] = known.of(name, pairs[alike])
        out[name] = level[of_pair]
    return out


def _in_characters(
    name: str, texts: Sequence[str], latin: np.ndarray, one: np.ndarray, other: np.ndarray, level: np.ndarray
) -> None:
    """Names of which neither is in Latin letters are compared as characters."""
    for at in np.flatnonzero(~latin[one] & ~latin[other]).tolist():
        level[at] = _HAN[name](texts[one[at]], texts[other[at]])


def _han_given(one: str, other: str) -> int:
    """Characters are no letters: names of one sound are alike, and names that share a character where each has two."""
    if (read := pinyin_of(one)) and read == pinyin_of(other):
        return 3
    return int(len(one) == len(other) >= 2 and any(a == b for a, b in zip(one, other, strict=True)))


def _han_family(one: str, other: str) -> int:
    return 2 if (read := pinyin_of(one)) and read == pinyin_of(other) else 0


_HAN: dict[str, Callable[[str, str], int]] = {"given_name": _han_given, "family_name": _han_family}


def _two_scripts(profiles: Profiles, left: np.ndarray, right: np.ndarray, out: np.ndarray, known: Compared) -> None:
    """Names in two scripts agree by their sound, contradict where both are Chinese, and say nothing otherwise."""
    given, family = list(LEVELS).index("given_name"), list(LEVELS).index("family_name")
    codes = profiles.single["given_name"], profiles.single["family_name"]
    latin = [known.latin(name, profiles.texts[name]) for name in ("given_name", "family_name")]
    told = out[:, given] >= 0
    rows = np.flatnonzero(told & (latin[0][codes[0][left]] != latin[0][codes[0][right]]))
    told_of: dict[tuple[_Names, _Names], tuple[int, int]] = {}
    texts = profiles.texts["given_name"], profiles.texts["family_name"]
    for row in rows.tolist():
        pair = _stated(texts, codes, int(left[row])), _stated(texts, codes, int(right[row]))
        if pair not in told_of:
            told_of[pair] = _scripts(*pair)
        out[row, given], out[row, family] = told_of[pair]
    rows = np.flatnonzero((out[:, family] >= 0) & ~told & (latin[1][codes[1][left]] != latin[1][codes[1][right]]))
    out[rows, family] = -1


def _stated(texts: tuple[list[str], list[str]], codes: tuple[np.ndarray, np.ndarray], row: int) -> _Names:
    given, family = int(codes[0][row]), int(codes[1][row])
    return _Names(texts[0][given], texts[1][family] if family >= 0 else "")


def _scripts(one: _Names, other: _Names) -> tuple[int, int]:
    names = [Name(script_of(n.given), n.given, n.family) for n in (one, other)]
    found = agree(*names)
    if found is None:
        return -1, -1
    read = [pinyin_of(n.family) or n.family.replace(" ", "") for n in (one, other)]
    same = (2 if read[0] == read[1] else 0) if all(read) else -1
    return (3, same) if found else (0, same)
