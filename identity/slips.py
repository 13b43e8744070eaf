"""Texts one slip of the keyboard apart, for many pairs at once.

Here: whether two texts are equal or one slip apart (a character added, lost or changed, two neighbours swapped). Not
here: which pairs are looked at (`neighbours`), what a slip says of two people (`alike`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_LETTERS = 4_000_000  # characters compared at a time


def slip_apart(texts: Sequence[str], one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """By pair of places in `texts`, whether the two are equal or one slip apart."""
    out = np.zeros(len(one), dtype=bool)
    size = np.array([len(text) for text in texts], dtype=np.int64)
    # Texts of one length beside each other, so that few long ones do not make all wide.
    pair = np.flatnonzero(np.abs(size[one] - size[other]) <= 1) if len(one) else np.empty(0, dtype=np.int64)
    pair = pair[np.argsort(size[one[pair]], kind="stable")]
    begin = 0
    while begin < len(pair):
        width = int(size[one[pair[begin]]]) + 1
        end = begin + max(_LETTERS // width, 1)
        # What a slice holds beyond twice the width of its first pair waits for the next slice.
        end = begin + int(np.searchsorted(size[one[pair[begin:end]]], 2 * width))
        some = pair[begin:end]
        used, place = np.unique(np.concatenate([one[some], other[some]]), return_inverse=True)
        words = [texts[at] for at in used.tolist()]
        left, right = place[: len(some)], place[len(some) :]
        out[some] = _slip_apart(words, left, right, size[one[some]], size[other[some]])
        begin = end
    return out


def _slip_apart(
    words: list[str], left: np.ndarray, right: np.ndarray, left_size: np.ndarray, right_size: np.ndarray
) -> np.ndarray:
    letters = _letters(words)
    least = np.minimum(left_size, right_size)
    same_size = left_size == right_size
    one, other = letters[left], letters[right]
    begin = _equal_first(one, other, least)
    backwards = _letters([word[::-1] for word in words])
    end = _equal_first(backwards[left], backwards[right], least)
    # All but one character of the longer one stand at its begin or at its end in the other one as well.
    found = np.where(same_size, begin + end >= least - 1, begin + end >= least)
    swapped = np.flatnonzero(same_size & (begin + end == least - 2))
    at = begin[swapped]
    found[swapped] = (one[swapped, at] == other[swapped, at + 1]) & (one[swapped, at + 1] == other[swapped, at])
    return np.asarray(found)


def _letters(words: list[str]) -> np.ndarray:
    """A row a word, a column a character, and one more column."""
    width = max(max((len(word) for word in words), default=0), 1) + 1
    return np.array(words, dtype=f"<U{width}").view(np.uint32).reshape(len(words), width)


def _equal_first(one: np.ndarray, other: np.ndarray, least: np.ndarray) -> np.ndarray:
    """How many characters are equal before the first that is not."""
    unlike = one != other
    unlike[:, -1] = True
    return np.minimum(unlike.argmax(axis=1), least)
