"""Persons with errors, made up for measuring `identity link`.

Here: three kinds of files (a register with typed errors, persons of the past with titles and half dates, a mailing list
with much missing), each with its truth. Not here: anything of `identity`: the errors are not its normalisers undone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date, timedelta

import pyarrow as pa

_KEYS = ["qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890"]
_ONSETS = re.findall(r"\w+", "b br c ch cl d dr f fr g gr h j k l m n p pr r s sh st t th tr v w")
_VOWELS = re.findall(r"\w+", "a e i o u ai ea ee oo ou")
_CODAS = re.findall(r"\w+", "l ll n nd ng r rd rt s st t th ck m x")
_ENDINGS = re.findall(r"\w+", "son ton ford ley man well field er sen wood worth ham by stein")
_SHORT = {"elizabeth": "liz", "william": "bill", "robert": "bob", "margaret": "peggy", "catherine": "kate"}
_COMMON = re.findall(
    r"\w+",
    "elizabeth william robert margaret catherine john mary thomas james anne george sarah henry jane charles",
)


class Pool:
    """Words with frequencies that fall like Zipf's."""

    def __init__(self, rng: random.Random, size: int, make: Callable[[random.Random], str], slope: float = 0.9) -> None:
        words: dict[str, None] = {}
        while len(words) < size:
            words[make(rng)] = None
        self.words = list(words)
        self.weights = [1 / (at + 3) ** slope for at in range(size)]

    def draw(self, rng: random.Random) -> str:
        return rng.choices(self.words, self.weights)[0]


def _syllable(rng: random.Random) -> str:
    return rng.choice(_ONSETS) + rng.choice(_VOWELS)


def _given(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return rng.choice(_COMMON)
    return _syllable(rng) + _syllable(rng) + rng.choice(["", "n", "l", "a", "ne", "s"])


def _family(rng: random.Random) -> str:
    return _syllable(rng) + rng.choice(_CODAS) + rng.choice(["", *_ENDINGS])


def _place(rng: random.Random) -> str:
    return _family(rng) + rng.choice(["", "", " hill", " park", " upper", " vale"])


def typo(text: str, rng: random.Random) -> str:
    """One slip of the keyboard."""
    if not text:
        return text
    at = rng.randrange(len(text))
    row = next((row for row in _KEYS if text[at] in row), "aeiou")
    slips = [
        text[:at] + text[at + 1 :],
        text[:at] + rng.choice(row) + text[at:],
        text[:at] + rng.choice(row) + text[at + 1 :],
        text[:at] + text[at : at + 2][::-1] + text[at + 2 :],
    ]
    return rng.choice(slips)


def _table(rows: list[dict[str, str | None]], truth: list[int], rng: random.Random) -> tuple[pa.Table, list[int]]:
    order = list(range(len(rows)))
    rng.shuffle(order)
    shuffled = [{"id": f"r{place}", **rows[at]} for place, at in enumerate(order)]
    schema = pa.schema([(name, pa.string()) for name in shuffled[0]])
    return pa.Table.from_pylist(shuffled, schema=schema), [truth[at] for at in order]


def register(persons: int, seed: int, most: int = 5, errors: int = 4) -> tuple[pa.Table, list[int]]:
    """Names, address, birth date and number; up to `most` more records a person with up to `errors` changes each."""
    rng = random.Random(seed)
    given, family, place = Pool(rng, 400, _given), Pool(rng, 1500, _family), Pool(rng, 900, _place)
    street = Pool(
        rng, 1500, lambda r: f"{_family(r)} {r.choice(['street', 'place', 'crescent', 'circuit', 'close'])}", 0.4
    )
    postcode = {word: str(rng.randrange(2000, 7999)) for word in place.words}
    rows: list[dict[str, str | None]] = []
    truth: list[int] = []
    for person in range(persons):
        suburb = place.draw(rng)
        born = date(1900, 1, 1) + timedelta(days=rng.randrange(36500))
        one: dict[str, str | None] = {
            "given": given.draw(rng),
            "family": family.draw(rng),
            "number": str(int(rng.expovariate(1 / 40)) + 1),
            "street": street.draw(rng),
            "house": _place(rng) if rng.random() < 0.6 else None,
            "suburb": suburb,
            "postcode": postcode[suburb],
            "born": born.strftime("%Y%m%d") if rng.random() < 0.96 else None,
            "card": str(rng.randrange(1_000_000, 10_000_000)),
        }
        copies = rng.choices(range(most + 1), [2.0, *(1 / k for k in range(1, most + 1))])[0]
        for copy in range(copies + 1):
            row = dict(one)
            for _ in range(rng.randint(1, errors) if copy else 0):
                _spoil(row, rng, given, family)
            rows.append(row)
            truth.append(person)
    return _table(rows, truth, rng)


def _spoil(row: dict[str, str | None], rng: random.Random, given: Pool, family: Pool) -> None:
    kind = rng.random()
    name = rng.choice([column for column, text in row.items() if text])
    text = str(row[name])
    if kind < 0.6:
        row[name] = typo(text, rng)
    elif kind < 0.7:
        row[name] = None if name != "card" else typo(text, rng)
    elif kind < 0.78:
        row["given"], row["family"] = row["family"], row["given"]
    elif kind < 0.84:
        row["street"], row["house"] = row["house"], row["street"]
    elif kind < 0.9:
        row[name] = typo(typo(text, rng), rng)
    elif kind < 0.94:
        row["given"] = given.draw(rng)
    elif kind < 0.97:
        row["family"] = family.draw(rng)
    else:
        row[name] = text.replace(" ", "")


def past(persons: int, seed: int, mean: float = 9.0) -> tuple[pa.Table, list[int]]:
    """Persons of the past: relatives with like names, titles, dates known to the year, many records each."""
    rng = random.Random(seed)
    given, family, place = Pool(rng, 300, _given, 1.1), Pool(rng, 2500, _family), Pool(rng, 700, _place, 1.0)
    trade = Pool(rng, 120, _family, 1.3)
    postcode = {
        word: [
            f"{word[:2].upper()}{rng.randrange(30)} {rng.randrange(10)}{rng.choice('abdefg')}{rng.choice('hjlnp')}"
            for _ in range(12)
        ]
        for word in place.words
    }
    people: list[dict[str, str]] = []
    rows: list[dict[str, str | None]] = []
    truth: list[int] = []
    for person in range(persons):
        town = place.draw(rng)
        born = date(1600, 1, 1) + timedelta(days=rng.randrange(130000))
        one = {"first": given.draw(rng), "last": family.draw(rng), "town": town, "trade": trade.draw(rng)}
        one |= {"born": born.isoformat(), "sex": rng.choice("mf"), "code": rng.choice(postcode[town])}
        if people and rng.random() < 0.15:
            relative = rng.choice(people[-50:])
            one["last"], one["town"], one["code"] = relative["last"], relative["town"], relative["code"]
            one["first"] = relative["first"] if rng.random() < 0.3 else one["first"]
        if rng.random() < 0.1:
            one["born"] = one["born"][:4] + "-01-01"
        people.append(one)
        middle = given.draw(rng)
        for copy in range(min(int(rng.expovariate(1 / mean)) + 1, 60)):
            rows.append(_retell(one, middle, rng, place, trade, given, postcode) if copy else _told(one, None, rng))
            truth.append(person)
    return _table(rows, truth, rng)


def _told(one: dict[str, str], middle: str | None, rng: random.Random) -> dict[str, str | None]:
    words = [one["first"], *([middle] if middle else []), one["last"]]
    if rng.random() < 0.1:
        words = [rng.choice(["sir", "lord", "dr"]), *words]
    return {
        "full_name": " ".join(word for word in words if word) or None,
        "first_name": one["first"] or None,
        "surname": one["last"] or None,
        "dob": one["born"] or None,
        "birth_place": one["town"] or None,
        "postcode": one["code"] or None,
        "gender": one["sex"] or None,
        "occupation": one["trade"] or None,
    }


def _retell(
    person: dict[str, str],
    middle: str,
    rng: random.Random,
    place: Pool,
    trade: Pool,
    given: Pool,
    postcode: dict[str, list[str]],
) -> dict[str, str | None]:
    one, chance = dict(person), rng.random
    if chance() < 0.15:
        one["first"] = _SHORT.get(one["first"], typo(one["first"], rng))
    if chance() < 0.05:
        one["first"] = given.draw(rng)
    if chance() < 0.15:
        one["last"] = typo(one["last"], rng)
    if chance() < 0.04:
        one["first"], one["last"] = one["last"], one["first"]
    if chance() < 0.15:
        one["born"] = typo(one["born"], rng) if chance() < 0.5 else one["born"][:4] + "-01-01"
    if chance() < 0.2:
        one["code"] = rng.choice(postcode[one["town"]])
    if chance() < 0.1:
        one["town"] = place.draw(rng)
    if chance() < 0.2:
        one["trade"] = trade.draw(rng)
    for name, share in (("first", 0.03), ("born", 0.15), ("town", 0.15), ("code", 0.25), ("trade", 0.3), ("sex", 0.1)):
        if chance() < share:
            one[name] = ""
    return _told(one, middle if chance() < 0.15 else None, rng)


def mailing_list(persons: int, seed: int) -> tuple[pa.Table, list[int]]:
    """Name, birth date, city and mailbox, a fifth of each missing and as many mistyped."""
    rng = random.Random(seed)
    given, family, place = Pool(rng, 300, _given), Pool(rng, 900, _family), Pool(rng, 60, _place, 1.1)
    host = Pool(rng, 800, lambda r: f"{_family(r)}.{r.choice(['com', 'org', 'net', 'info'])}", 0.5)
    rows: list[dict[str, str | None]] = []
    truth: list[int] = []
    for person in range(persons):
        first, last, town = given.draw(rng), family.draw(rng), place.draw(rng)
        born = date(1965, 1, 1) + timedelta(days=rng.randrange(20000))
        mail = f"{first}{rng.choice(['', '.'])}{last}{rng.randrange(100)}@{host.draw(rng)}"
        for copy in range(rng.choice([1, 2, 3, 4, 5, 6, 7])):
            row: dict[str, str | None] = {
                "first": first,
                "last": last,
                "born": born.isoformat(),
                "town": town,
                "mail": mail,
            }
            for name in row if copy else ():
                text, luck = str(row[name]), rng.random()
                if luck < 0.2 and name != "born":
                    row[name] = None
                elif luck < 0.45:
                    row[name] = typo(text, rng) if luck < 0.35 else typo(typo(text, rng), rng)
            if copy and rng.random() < 0.08:
                row["first"], row["last"] = row["last"], row["first"]
            if copy and rng.random() < 0.25:
                row["born"] = (born + timedelta(days=rng.randrange(-3000, 3000))).isoformat()
            rows.append(row)
            truth.append(person)
    return _table(rows, truth, rng)
