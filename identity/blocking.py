"""Which pairs of records are worth comparing: those that share something rare.

Here: the keys of a record (one field, or parts of two fields together), blocks of records with one key, the size above
which a block is dropped like a hub, the candidate pairs. Not here: how alike a pair is (`comparisons`).

A shared key says the more, the fewer records carry it, whatever the key is made of. So one limit holds for the blocks
of all keys: the largest that keeps the number of pairs within a budget per record, and so near linear. Few records are
all compared with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa

from identity import features
from identity.features import BIRTH, CODE, FAMILY, GIVEN, Field

PAIRS_PER_RECORD = 60
ALL_PAIRS = 500_000  # so many pairs are compared in any case: every pair of some thousand records
_LARGEST_BLOCK = 4_000
_RAW_TO_BUDGET = (16, 8, 4, 2, 1)  # pairs counted once a block, to pairs of the budget; tried in turn


# A key: its name, whether it may stand alone, how it comes from the field's text.
_Part = tuple[str, bool, Callable[[str], str] | None]


@dataclass(frozen=True)
class Blocks:
    """Keys by rule: `rules` names them, `code[r]` is rule r's key of each record, -1 without one."""

    rules: list[str]
    code: list[np.ndarray]


def key_columns(table: pa.Table, fields: Sequence[Field]) -> list[tuple[str, str, bool, np.ndarray]]:
    """Single keys as (name, field, whether it may stand alone, codes)."""
    found: list[tuple[str, str, bool, np.ndarray]] = []
    for field in fields:
        column = table[field.name]
        for name, alone, function in _PARTS.get(field.kind, _TEXT_PARTS):
            values = column if function is None else features.map_distinct(column, function)
            found.append((f"{field.name}:{name}", field.name, alone, features.codes(values)))
    return found


def blocks_of(table: pa.Table, fields: Sequence[Field]) -> Blocks:
    """All keys of all records."""
    parts = key_columns(table, fields)
    rules, code = [], []
    for name, _, alone, codes in parts:
        if alone:
            rules.append(name)
            code.append(codes)
    for (one, field, _, left), (other, field2, _, right) in combinations(parts, 2):
        if field == field2:
            continue
        width = int(right.max(initial=0)) + 1
        rules.append(f"{one}+{other}")
        code.append(np.where((left < 0) | (right < 0), -1, left * width + right))
    return Blocks(rules, code)


def limit_and_pairs(blocks: Blocks, n: int) -> tuple[int, np.ndarray, np.ndarray, dict[str, int]]:
    """The largest block size that keeps the pairs within the budget, the pairs, and the blocks dropped by rule."""
    if n * (n - 1) // 2 <= ALL_PAIRS:
        return _LARGEST_BLOCK, *candidate_pairs(blocks, n, _LARGEST_BLOCK)
    budget = max(ALL_PAIRS, PAIRS_PER_RECORD * n)
    raw = _pairs_by_size(blocks)
    # Most pairs share several keys, so more blocks fit into the budget than their raw count says.
    for times in _RAW_TO_BUDGET:
        limit = _largest(raw <= times * budget)
        found = candidate_pairs(blocks, n, limit, budget if times > 1 else 0)
        if times == 1 or len(found[0]) <= budget:
            break
    return limit, *found


def _largest(fits: np.ndarray) -> int:
    return max(int(np.flatnonzero(fits).max(initial=2)), 2)


def _pairs_by_size(blocks: Blocks) -> np.ndarray:
    """By block size, the pairs in all blocks up to it, counted once a block."""
    pairs = np.zeros(_LARGEST_BLOCK + 1, dtype=np.int64)
    size = np.arange(_LARGEST_BLOCK + 1)
    for code in blocks.code:
        _, counts = np.unique(code[code >= 0], return_counts=True)
        pairs += np.bincount(counts[counts <= _LARGEST_BLOCK], minlength=_LARGEST_BLOCK + 1) * (size * (size - 1) // 2)
    return np.cumsum(pairs)


def candidate_pairs(
    blocks: Blocks, n: int, limit: int, enough: int = 0
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Distinct pairs (left < right, ascending) that share a block within the limit; the dropped blocks by rule.

    Where all pairs are few, it is all of them. `enough`: stop soon after there are more than so many.
    """
    if n * (n - 1) // 2 <= ALL_PAIRS:
        left, right = np.triu_indices(n, 1)
        return left.astype(np.int64), right.astype(np.int64), {}
    dropped: dict[str, int] = {}
    seen = np.empty(0, dtype=np.int64)
    waiting: list[np.ndarray] = []
    size = 0
    for rule, code in zip(blocks.rules, blocks.code, strict=True):
        pairs, too_large = _pairs_within(code, limit)
        if too_large:
            dropped[rule] = too_large
        waiting.append(pairs[0] * n + pairs[1])
        size += len(pairs[0])
        if size > len(seen) + 1_000_000:
            seen, waiting, size = np.unique(np.concatenate([seen, *waiting])), [], 0
            if enough and len(seen) > enough:
                break
    seen = np.unique(np.concatenate([seen, *waiting]))
    return seen // n, seen % n, dropped


def _pairs_within(code: np.ndarray, limit: int) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """All pairs of records with one code, where at most `limit` records have it."""
    record = np.flatnonzero(code >= 0)
    record = record[np.argsort(code[record], kind="stable")]
    ordered = code[record]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else ordered
    sizes = np.diff(np.append(begins, len(ordered)))
    kept = (sizes > 1) & (sizes <= limit)
    too_large = int(np.count_nonzero(sizes > limit))
    left, right = [], []
    for size in np.unique(sizes[kept]).tolist():
        rows = record[begins[kept & (sizes == size)][:, None] + np.arange(size)]
        a, b = np.triu_indices(size, 1)
        left.append(rows[:, a].ravel())
        right.append(rows[:, b].ravel())
    if not left:
        return (np.empty(0, np.int64), np.empty(0, np.int64)), too_large
    one, other = np.concatenate(left), np.concatenate(right)
    return (np.minimum(one, other), np.maximum(one, other)), too_large


def _start(length: int) -> Callable[[str], str]:
    return lambda text: text.replace(" ", "")[:length]


def _half(at: int) -> Callable[[str], str]:
    return lambda text: text[: (len(text) + 1) // 2] + "<" if at == 0 else ">" + text[len(text) // 2 :]


_NAME_PARTS: tuple[_Part, ...] = (
    ("spoken", False, features.spoken),
    ("sound", False, features.sound),
    ("start", False, lambda text: features.spoken(text)[:3]),
)
_TEXT_PARTS: tuple[_Part, ...] = (("whole", True, None), ("start", False, _start(4)))
_PARTS: dict[str, tuple[_Part, ...]] = {
    GIVEN: _NAME_PARTS,
    FAMILY: _NAME_PARTS,
    BIRTH: (
        ("whole", True, None),
        ("year", False, lambda text: text[:4]),
        ("month", False, lambda text: text[:6]),
        ("day", False, lambda text: text[4:]),
        ("year_day", False, lambda text: text[:4] + "-" + text[6:]),
    ),
    "postcode": (("whole", True, None), ("half", False, _half(0))),
    "phone": (("whole", True, None), ("first", True, lambda t: t[:6] + "<"), ("last", True, lambda t: ">" + t[-6:])),
    "email": (
        ("whole", True, None),
        ("mailbox", True, lambda text: text.split("@")[0]),
        ("start", False, lambda text: text[:5]),
        ("domain", False, lambda text: text.split("@")[-1]),
    ),
    CODE: (("whole", True, None), ("first", True, _half(0)), ("last", True, _half(1))),
    "gender": (),
}
