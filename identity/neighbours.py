"""Which profiles of a home are worth comparing: those that share something rare.

Here: texts one slip of the keyboard apart, found without comparing all; the keys of a profile, blocks of profiles with
one key, the limit above which a block is dropped like a hub, candidate pairs. Not here: how alike a pair is (`alike`).

A block's size is counted over all profiles, whichever of them are wanted tonight and whatever group they are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.features import sound, spoken
from identity.profiles import Profiles
from identity.slips import slip_apart

PAIRS_PER_PROFILE = 15
LARGEST_BLOCK = 200
LEAST_BLOCK = 10
_LONGEST_TEXT = 40  # characters of a text that slips are looked for in
_SHORTEST_TEXT = 6
_SLIP_BLOCK = 20
_TEXTS = 200_000  # whose letters are laid out at a time
_MAILBOX = r"^(?P<mailbox>[^@]*)"
_MARKS = 24  # bits
_ODD = np.uint64(0x9E3779B97F4A7C15)

Keys = tuple[np.ndarray, np.ndarray]  # profile and key of each membership


@dataclass(frozen=True)
class Blocks:
    """Memberships by rule: `rules[r]` names it, `keys[r]` holds them."""

    rules: list[str]
    keys: list[Keys]


class Spelled:
    """What the values of some profiles sound like, and which are a slip apart: what blocks need of each text.

    For as long as somebody asks: of millions of texts the forms that slips are found by take a gigabyte.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self._texts = texts
        self._slips: dict[str, Slips] = {}

    @cached_property
    def codes(self) -> dict[str, np.ndarray]:
        """By kind of sound, the code of each value's; -1 for none, and at the end for no value."""
        return {
            "given": _mapped(self._texts["given_name"], spoken),
            "family": _mapped(self._texts["family_name"], spoken),
            "family sound": _mapped(self._texts["family_name"], lambda text: sound(text) or text),
        }

    def slips(self, kind: str) -> Slips:
        """The texts in which slips are looked for: the last nine digits of phones, mailboxes without their host."""
        if kind not in self._slips:
            texts = pa.array(self._texts[kind], pa.string())
            texts = (
                pc.utf8_slice_codeunits(texts, -9) if kind == "phone" else pc.extract_regex(texts, _MAILBOX).field(0)
            )
            self._slips[kind] = Slips(texts)
        return self._slips[kind]


def blocks_of(profiles: Profiles, spelled: Spelled, of: np.ndarray | None = None) -> Blocks:
    """Every key of every profile; `spelled`: of the profiles' texts.

    `of`: only keys that one of these profiles has, and which slips are looked at because of their values; whoever else
    has such a key is with it.
    """
    return blocks_of_nights(profiles, spelled, of, [None])[0]


def blocks_of_nights(
    profiles: Profiles, spelled: Spelled, of: np.ndarray | None, nights: Sequence[np.ndarray | None]
) -> list[Blocks]:
    """`blocks_of` those who were there on each of some nights; None: everybody.

    A key is the same number whoever is there, and `of` may name profiles that are not.
    """
    single, several, codes = profiles.single, profiles.several, spelled.codes
    given, family = (codes[name][single[f"{name}_name"]] for name in ("given", "family"))
    sounding = codes["family sound"][single["family_name"]]
    street, birth = single["street"], single["birth_date"]
    mailbox = spelled.slips("email").of[several["email"]]
    rules: dict[str, tuple[np.ndarray, ...]] = {
        "phone": (several["phone"],),
        "email": (several["email"],),
        "mailbox": (mailbox,),
        "street": (street,),
        "street and family name": (street, sounding),
        "street and given name": (street, given),
        "birth date": (birth,),
        "birth date and family name": (birth, sounding),
        "birth date and given name": (birth, given),
        "name": (given, family),
        "name and city": (given, family, single["city"]),
        "name and postcode": (given, family, single["postcode"]),
    }
    keys = {name: _held(columns, of) for name, columns in rules.items()}
    found = []
    for there in nights:
        mine = keys
        if there is not None:
            mine = {name: (profile[there[profile]], key[there[profile]]) for name, (profile, key) in keys.items()}
        slips = {
            f"{kind} slip": slip_keys(several[kind], spelled.slips(kind), of, there) for kind in ("phone", "email")
        }
        found.append(Blocks([*mine, *slips], [*mine.values(), *slips.values()]))
    return found


def live_marks(blocks: Blocks, n: int, limit: int) -> np.ndarray:
    """By profile, one number over the blocks within the limit that it is in: equal for the same blocks."""
    marks = np.zeros(n, dtype=np.uint64)
    for rule, (owner, key) in enumerate(blocks.keys):
        owner, key, sizes = _by_key((owner, key))
        live = np.repeat(sizes <= limit, sizes)
        owner, key = owner[live], key[live].astype(np.uint64)
        np.add.at(marks, owner, _scattered(key * np.uint64(len(blocks.keys)) + np.uint64(rule)))
    return marks


def _scattered(number: np.ndarray) -> np.ndarray:
    """Numbers spread over 64 bits (the finaliser of G. Steele, D. Lea and C. Flood, SplitMix, 2014)."""
    with np.errstate(over="ignore"):
        number = number + _ODD
        number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(number ^ (number >> np.uint64(31)))


def slip_keys(code: np.ndarray, slips: Slips, of: np.ndarray | None = None, there: np.ndarray | None = None) -> Keys:
    """Profiles by the pairs of values one slip apart that they hold one of; such a pair is a block of its own.

    Slips are looked for among the values of profiles that are `there`; `of`: only where a value of these profiles has
    a say in whether the pair is looked at.
    """
    table = slips.of[code]
    stated = slips.marked(table if there is None else table[there])
    left, right = slips.pairs(stated, None if of is None else slips.marked(table[of]))
    pair = np.tile(left * max(len(stated), 1) + right, 2)
    end = np.concatenate([left, right])
    order = np.argsort(end, kind="stable")
    pair, end = pair[order], end[order]
    paired = np.zeros(len(stated) + 1, dtype=bool)
    paired[end] = True
    profile, place = np.nonzero(paired[table])
    value = table[profile, place]
    begins, ends = np.searchsorted(end, value), np.searchsorted(end, value, side="right")
    counts = ends - begins
    at = np.repeat(begins - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    return np.repeat(profile, counts), pair[at]


class Slips:
    """Texts, and pairs of them that are one slip apart (a character added, lost or changed, two neighbours swapped).

    Two such texts share one of the forms that are left when one character is dropped, or one is such a form of the
    other; so only texts with a common form are looked at (the deletion neighbourhood: T. Bocek, E. Hunt and B. Stiller,
    Fast similarity search in large dictionaries, 2007). `of`: each text's number, the same for the same text, -1 for
    one that is empty, and -1 at the end.
    """

    def __init__(self, texts: pa.Array) -> None:
        encoded = pc.if_else(pc.equal(texts, ""), None, texts).dictionary_encode()
        self._texts: pa.Array = encoded.dictionary
        self.of = _codes(encoded)
        size = pc.utf8_length(self._texts).to_numpy()
        usable = np.flatnonzero((size >= _SHORTEST_TEXT) & (size <= _LONGEST_TEXT)).astype(np.int32)
        self._owners, self._forms = _deleted(self._texts.take(pa.array(usable)), size[usable])
        self._owners = usable[self._owners]

    def marked(self, numbers: np.ndarray) -> np.ndarray:
        """By text, whether its number is among these."""
        marked = np.zeros(len(self._texts) + 1, dtype=bool)
        marked[numbers.ravel()] = True
        return marked[:-1]

    def pairs(self, stated: np.ndarray, asked: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of `stated` texts; a form that too many of them have is dropped.

        `asked`: by text; only pairs of which both share a form with one of these, stated or not.
        """
        owners, forms = self._owners, self._forms
        near_asked = np.ones(len(stated), dtype=bool)
        if asked is not None:
            near_asked[:] = False
            near_asked[owners[among(forms, distinct(forms[asked[owners]]))]] = True
            near_asked &= stated
            # Their pairs hang on how many have their forms, so on whoever else has one of them.
            counted = among(forms, distinct(forms[near_asked[owners]]))
            owners, forms = owners[counted], forms[counted]
        if not stated.all():
            owners, forms = owners[stated[owners]], forms[stated[owners]]
        # Most forms have one text alone.
        order = np.argsort(forms)
        forms = forms[order]
        common = ~_first_of_each(forms)
        common[:-1] |= common[1:]
        keys = owners[order[common]], forms[common]
        del owners, forms, order, common
        left, right = pairs_within(keys, len(stated), _SLIP_BLOCK)
        both = near_asked[left] & near_asked[right]
        left, right = left[both].astype(np.int64), right[both].astype(np.int64)
        used, place = np.unique(np.concatenate([left, right]), return_inverse=True)
        words = self._texts.take(pa.array(used)).to_pylist()
        near = slip_apart(words, place[: len(left)], place[len(left) :])
        return left[near], right[near]


def _deleted(texts: pa.Array, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each text's number with a hash of itself and of every text with one character less; a pair may come twice."""
    owners = np.empty(int(size.sum()) + len(texts), dtype=np.int32)
    forms = np.empty(len(owners), dtype=np.uint64)
    filled = 0
    for begin in range(0, len(texts), _TEXTS):
        some = texts.slice(begin, _TEXTS).to_pylist()
        for owner, form in _deleted_of(some, size[begin : begin + _TEXTS]):
            owners[filled : filled + len(owner)] = owner + begin
            forms[filled : filled + len(form)] = form
            filled += len(owner)
    return owners, forms


def _deleted_of(texts: list[str], size: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    width = int(size.max())
    letters = np.array(texts, dtype=f"<U{width}").view(np.uint32).reshape(len(texts), width)
    power = np.ones(width + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for at in range(width):
            power[at + 1] = power[at] * _ODD
        whole = np.zeros(len(texts), dtype=np.uint64)
        for at in range(width):
            whole = np.where(at < size, whole * _ODD + letters[:, at], whole)
        yield np.arange(len(texts)), whole
        before = np.zeros(len(texts), dtype=np.uint64)
        for at in range(width):
            longer = np.flatnonzero(at < size)
            tail = power[size[longer] - at - 1]
            upto = before[longer] * _ODD + letters[longer, at]
            yield longer, before[longer] * tail + (whole[longer] - upto * tail)
            before[longer] = upto


def limit_for(blocks: Blocks, n: int) -> int:
    """The largest block size that keeps the pairs, counted once a block, within the budget."""
    pairs = np.zeros(LARGEST_BLOCK + 1, dtype=np.int64)
    size = np.arange(LARGEST_BLOCK + 1)
    for _, key in blocks.keys:
        counts = _sizes(np.sort(key))
        pairs += np.bincount(counts[counts <= LARGEST_BLOCK], minlength=LARGEST_BLOCK + 1) * (size * (size - 1) // 2)
    fits = np.flatnonzero(np.cumsum(pairs) <= PAIRS_PER_PROFILE * n)
    return max(int(fits.max(initial=0)), LEAST_BLOCK)


def candidate_pairs(
    blocks: Blocks, n: int, limit: int, group: np.ndarray, wanted: np.ndarray | None = None
) -> np.ndarray:
    """Distinct pairs of profiles (left < right) that share a block within the limit, as ascending `left * n + right`.

    `group`: by profile the one group all its records are in, or -1; pairs within one group cost nothing more.
    `wanted`: as for `pairs_within`.
    """
    found = [np.empty(0, dtype=np.int64)]
    for keys in blocks.keys:
        left, right = pairs_within(keys, n, limit, wanted)
        apart = (group[left] != group[right]) | (group[left] < 0)
        found.append(left[apart].astype(np.int64) * n + right[apart])
        del left, right, apart
    pairs = np.concatenate(found)
    del found
    pairs.sort()
    return pairs[_first_of_each(pairs)]


def pairs_within(keys: Keys, n: int, limit: int, wanted: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (left < right) with a common key that at most `limit` have; a pair may come more than once.

    `wanted`: by owner 2, 1 or 0; only pairs whose two make at least 2.
    """
    owner, _, sizes = _by_key(keys)
    begins = np.cumsum(sizes) - sizes
    kept = (sizes > 1) & (sizes <= limit)
    if wanted is not None and len(begins):
        kept &= np.add.reduceat(wanted[owner], begins, dtype=np.int64) >= 2
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[kept]).tolist():
        rows = owner[begins[kept & (sizes == size)][:, None] + np.arange(size)]
        a, b = np.triu_indices(size, 1)
        one, other = rows[:, a].ravel(), rows[:, b].ravel()
        if wanted is not None:
            enough = wanted[one] + wanted[other] >= 2
            one, other = one[enough], other[enough]
        left.append(one)
        right.append(other)
    return np.concatenate(left), np.concatenate(right)


def _by_key(keys: Keys) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The memberships, each once, in the order of their keys; and how many each key has."""
    owner, key = keys
    order = np.lexsort((owner, key))
    owner, key = owner[order], key[order]
    del order
    once = np.ones(len(key), dtype=bool)
    once[1:] = (key[1:] != key[:-1]) | (owner[1:] != owner[:-1])
    owner, key = owner[once], key[once]
    return owner, key, _sizes(key)


def _mapped(texts: Sequence[str], function: Callable[[str], str]) -> np.ndarray:
    """By text the code of a function's result, -1 where it is empty; and -1 at the end."""
    return _codes(pa.array([function(text) or None for text in texts], pa.string()).dictionary_encode())


def _codes(encoded: pa.DictionaryArray) -> np.ndarray:
    """The codes, -1 for none, and -1 at the end."""
    return np.append(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), -1).astype(np.int32)


def _held(columns: tuple[np.ndarray, ...], of: np.ndarray | None) -> Keys:
    """Memberships of what the columns say together; `of`: only of what one of these profiles says."""
    if columns[0].ndim > 1:
        (table,) = columns
        profile, place = np.nonzero(_said_by(table, of))
        return profile.astype(np.int32), table[profile, place].astype(np.int32)
    said = np.ones(len(columns[0]), dtype=bool)
    for column in columns:
        said &= _said_by(column, of)
    profile = np.flatnonzero(said).astype(np.int32)
    key = columns[0][profile].astype(np.int64)
    for column in columns[1:]:
        key = numbered(key * (int(column.max(initial=0)) + 1) + column[profile])
    if of is not None and len(columns) > 1:
        held = np.zeros(int(key.max(initial=-1)) + 1, dtype=bool)
        held[key[of[profile]]] = True
        profile, key = profile[held[key]], key[held[key]]
    return profile, key.astype(np.int32)


def _said_by(codes: np.ndarray, of: np.ndarray | None) -> np.ndarray:
    """Where a code stands, or one that is among those `of` some profiles."""
    if of is None:
        return np.asarray(codes >= 0)
    said = np.zeros(int(codes.max(initial=-1)) + 2, dtype=bool)
    said[codes[of]] = True
    said[-1] = False
    return np.asarray(said[codes])


def numbered(key: np.ndarray) -> np.ndarray:
    """The keys as numbers from 0, in their order."""
    order = np.argsort(key)
    number = np.empty(len(key), dtype=np.int64)
    number[order] = np.cumsum(_first_of_each(key[order])) - 1
    return number


def distinct(numbers: np.ndarray) -> np.ndarray:
    """The numbers in order, each once; NumPy's own `unique` looks each up in a table, ten times as slowly."""
    ordered = np.sort(numbers)
    return ordered[_first_of_each(ordered)]


def _first_of_each(ordered: np.ndarray) -> np.ndarray:
    is_new = np.ones(len(ordered), dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    return is_new


def _sizes(ordered: np.ndarray) -> np.ndarray:
    """How often each number stands there."""
    return np.diff(np.append(np.flatnonzero(_first_of_each(ordered)), len(ordered)))


def among(numbers: np.ndarray, few: np.ndarray) -> np.ndarray:
    """Which of the numbers are among others, which ascend."""
    found = np.zeros(len(numbers), dtype=bool)
    if not len(few):
        return found
    perhaps = np.arange(len(numbers))
    if len(few) < len(numbers):
        # Most are told from some scattered bits alone, without a search.
        marks = np.zeros(1 << _MARKS, dtype=bool)
        marks[_some_bits(few)] = True
        perhaps = np.flatnonzero(marks[_some_bits(numbers)])
    some = numbers[perhaps]
    at = np.searchsorted(few, some)
    at[at == len(few)] = 0
    found[perhaps[few[at] == some]] = True
    return found


def _some_bits(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(numbers.astype(np.uint64, copy=False) * _ODD >> np.uint64(64 - _MARKS))
