"""Which profiles of a home are worth comparing: those that share something rare.

Here: texts one slip of the keyboard apart, found without comparing all; the keys of a profile, blocks of profiles with
one key, the limit above which a block is dropped like a hub, candidate pairs. Not here: how alike a pair is (`alike`).

A block's size is counted over all profiles, whichever of them are wanted tonight and whatever group they are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

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
_SLIPS = ("phone slip", "mailbox slip")

Keys = tuple[np.ndarray, np.ndarray]  # profile and key of each membership


@dataclass(frozen=True)
class Blocks:
    """Memberships by rule: `rules[r]` names it, `keys[r]` holds them."""

    rules: list[str]
    keys: list[Keys]


def blocks_of(profiles: Profiles, there: np.ndarray | None = None, of: np.ndarray | None = None) -> Blocks:
    """Every key of every profile, or of those that are `there`; a key is the same number whoever is there.

    `of`: only keys that one of these profiles has, there or not, and which slips are looked at because of their values;
    whoever else has such a key is with it.
    """
    texts, single, several = profiles.texts, profiles.single, profiles.several
    given, family = (_mapped(single[n], texts[n], spoken) for n in ("given_name", "family_name"))
    family_sound = _mapped(single["family_name"], texts["family_name"], lambda text: sound(text) or text)
    street, birth = single["street"], single["birth_date"]
    mailbox = [text.split("@")[0] for text in texts["email"]]
    rules: dict[str, Keys] = {
        "phone": _each(several["phone"]),
        "email": _each(several["email"]),
        "mailbox": _each(_mapped(several["email"], mailbox, str)),
        _SLIPS[0]: slip_keys(several["phone"], [text[-9:] for text in texts["phone"]], there, of),
        _SLIPS[1]: slip_keys(several["email"], mailbox, there, of),
        "street": _each(street),
        "street and family name": _each(_both(street, family_sound)),
        "street and given name": _each(_both(street, given)),
        "birth date": _each(birth),
        "birth date and family name": _each(_both(birth, family_sound)),
        "birth date and given name": _each(_both(birth, given)),
        "name": _each(_both(given, family)),
        "name and city": _each(_both(_both(given, family), single["city"])),
        "name and postcode": _each(_both(_both(given, family), single["postcode"])),
    }
    if of is not None:
        rules |= {name: _held_by(of, keys) for name, keys in rules.items() if name not in _SLIPS}
    if there is not None:
        rules = {name: (profile[there[profile]], key[there[profile]]) for name, (profile, key) in rules.items()}
    return Blocks(list(rules), list(rules.values()))


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
        number = number + np.uint64(0x9E3779B97F4A7C15)
        number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(number ^ (number >> np.uint64(31)))


def slip_keys(
    code: np.ndarray, texts: Sequence[str], there: np.ndarray | None = None, of: np.ndarray | None = None
) -> Keys:
    """Profiles by the pairs of values one slip apart that they hold one of; such a pair is a block of its own.

    Slips are looked for among the values of profiles that are `there`; `of`: only where a value of these profiles has
    a say in whether the pair is looked at.
    """
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    of_text, place = encoded.dictionary, encoded.indices.to_numpy().astype(np.int64)
    table = np.where(code >= 0, place[code] if len(place) else -1, -1)
    stated = _stated(table if there is None else table[there])
    asked = None if of is None else of_text.take(pa.array(_stated(table[of]))).to_pylist()
    one, other = one_slip_pairs(of_text.take(pa.array(stated)).to_pylist(), asked)
    left, right = stated[one], stated[other]
    pair = np.tile(left * max(len(of_text), 1) + right, 2)
    end = np.concatenate([left, right])
    order = np.argsort(end, kind="stable")
    pair, end = pair[order], end[order]
    profile, value = _each(table)
    begins, ends = np.searchsorted(end, value), np.searchsorted(end, value, side="right")
    counts = ends - begins
    at = np.repeat(begins - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    return np.repeat(profile, counts), pair[at]


def one_slip_pairs(texts: Sequence[str], asked: Sequence[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of distinct texts one slip apart (a character added, lost or changed, two neighbours swapped).

    Two such texts share one of the forms that are left when one character is dropped, or one is such a form of the
    other; so only texts with a common form are looked at (the deletion neighbourhood: T. Bocek, E. Hunt and B. Stiller,
    Fast similarity search in large dictionaries, 2007). Forms that many texts have are dropped. `asked`: only pairs of
    which both share a form with one of these.
    """
    usable = _of_a_length(texts)
    if len(usable) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    owners, forms = _deleted([texts[i] for i in usable.tolist()])
    near_asked = np.ones(len(usable), dtype=bool)
    if asked is not None:
        theirs = [asked[i] for i in _of_a_length(asked).tolist()]
        near_asked = np.zeros(len(usable), dtype=bool)
        near_asked[owners[among(forms, distinct(_deleted(theirs)[1]))]] = True
        # Their pairs hang on how many have their forms, so on whoever else has one of them.
        counted = among(forms, distinct(forms[near_asked[owners]]))
        owners, forms = owners[counted], forms[counted]
    # Most forms have one text alone.
    order = np.argsort(forms)
    forms = forms[order]
    common = np.zeros(len(forms), dtype=bool)
    common[1:] = forms[1:] == forms[:-1]
    common[:-1] |= common[1:]
    keys = owners[order[common]], forms[common]
    del owners, forms, order, common
    left, right = pairs_within(keys, len(usable), _SLIP_BLOCK)
    both = near_asked[left] & near_asked[right]
    left, right = left[both], right[both]
    near = slip_apart(texts, usable[left], usable[right])
    return usable[left[near]], usable[right[near]]


def _of_a_length(texts: Sequence[str]) -> np.ndarray:
    """Places of the texts that slips are looked for in."""
    return np.array([i for i, t in enumerate(texts) if _SHORTEST_TEXT <= len(t) <= _LONGEST_TEXT], dtype=np.int64)


def _deleted(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Each text's number with a hash of itself and of every text with one character less; a pair may come twice."""
    size = np.array([len(t) for t in texts], dtype=np.int64)
    owners = np.empty(int(size.sum()) + len(texts), dtype=np.int32)
    forms = np.empty(len(owners), dtype=np.uint64)
    filled = 0
    for begin in range(0, len(texts), _TEXTS):
        for owner, form in _deleted_of(texts[begin : begin + _TEXTS], size[begin : begin + _TEXTS]):
            owners[filled : filled + len(owner)] = owner + begin
            forms[filled : filled + len(form)] = form
            filled += len(owner)
    return owners, forms


def _deleted_of(texts: list[str], size: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    width = int(size.max())
    letters = np.array(texts, dtype=f"<U{width}").view(np.uint32).reshape(len(texts), width)
    base = np.uint64(0x9E3779B97F4A7C15)
    power = np.ones(width + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for at in range(width):
            power[at + 1] = power[at] * base
        whole = np.zeros(len(texts), dtype=np.uint64)
        for at in range(width):
            whole = np.where(at < size, whole * base + letters[:, at], whole)
        yield np.arange(len(texts)), whole
        before = np.zeros(len(texts), dtype=np.uint64)
        for at in range(width):
            longer = np.flatnonzero(at < size)
            tail = power[size[longer] - at - 1]
            upto = before[longer] * base + letters[longer, at]
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
    `wanted`: by profile; only pairs with a wanted end.
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
    """All pairs (left < right) with a common key that at most `limit` have; a pair may come more than once."""
    owner, _, sizes = _by_key(keys)
    begins = np.cumsum(sizes) - sizes
    kept = (sizes > 1) & (sizes <= limit)
    if wanted is not None and len(begins):
        kept &= np.logical_or.reduceat(wanted[owner], begins)
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(sizes[kept]).tolist():
        rows = owner[begins[kept & (sizes == size)][:, None] + np.arange(size)]
        a, b = np.triu_indices(size, 1)
        one, other = rows[:, a].ravel(), rows[:, b].ravel()
        if wanted is not None:
            touched = wanted[one] | wanted[other]
            one, other = one[touched], other[touched]
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


def _mapped(code: np.ndarray, texts: Sequence[str], function: Callable[[str], str]) -> np.ndarray:
    """The codes of a function's results."""
    results = [function(text) for text in texts]
    place = {text: at for at, text in enumerate(sorted(set(results)))}
    of = np.array([*(place[text] if text else -1 for text in results), -1], dtype=np.int64)
    return of[code]


def _both(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    width = int(other.max(initial=0)) + 1
    joined = np.where((one < 0) | (other < 0), -1, one * width + other)
    return np.unique(joined, return_inverse=True)[1] - int((joined < 0).any())


def _stated(table: np.ndarray) -> np.ndarray:
    """The codes that occur."""
    codes = distinct(table.ravel())
    return codes[codes >= 0]


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
    if not len(few):
        return np.zeros(len(numbers), dtype=bool)
    at = np.searchsorted(few, numbers)
    at[at == len(few)] = 0
    return np.asarray(few[at] == numbers)


def _held_by(of: np.ndarray, keys: Keys) -> Keys:
    """The memberships of the keys that one of these profiles has."""
    owner, key = keys
    held = np.zeros(int(key.max(initial=-1)) + 1, dtype=bool)
    held[key[of[owner]]] = True
    return owner[held[key]], key[held[key]]


def _each(code: np.ndarray) -> Keys:
    """Memberships of a column, or of several."""
    table = code[:, None] if code.ndim == 1 else code
    row, column = np.nonzero(table >= 0)
    return row.astype(np.int32), table[row, column].astype(np.int32)
