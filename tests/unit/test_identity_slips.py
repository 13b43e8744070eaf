"""Texts a slip apart: all pairs at once say what one pair at a time says."""

from __future__ import annotations

import duckdb
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from identity.names import one_edit_apart
from identity.slips import slip_apart

_TEXTS = st.lists(st.text("abé林", max_size=6) | st.text("ab", min_size=20, max_size=45), min_size=1, max_size=8)


@given(texts=_TEXTS)
def test_all_pairs_at_once_say_what_one_pair_says(texts: list[str]) -> None:
    one, other = (ends.ravel() for ends in np.indices((len(texts), len(texts))))
    found = slip_apart(texts, one, other)
    expected = [texts[a] == texts[b] or one_edit_apart(texts[a], texts[b]) for a, b in zip(one, other, strict=True)]
    assert found.tolist() == expected


@given(text=st.text("abc12", min_size=1, max_size=9), at=st.integers(0, 8), letter=st.sampled_from("abx"))
def test_nothing_that_the_database_calls_a_slip_is_left_out(text: str, at: int, letter: str) -> None:
    at = at % len(text)
    texts = [text, text[:at] + letter + text[at:], text[:at] + text[at + 1 :], text[:at] + letter + text[at + 1 :]]
    texts.append(text[:at] + text[at : at + 2][::-1] + text[at + 2 :])
    one, other = (ends.ravel() for ends in np.indices((len(texts), len(texts))))
    distances = duckdb.execute(
        "select damerau_levenshtein(a, b) from (select unnest(?) as a, unnest(?) as b)",
        [[texts[a] for a in one], [texts[b] for b in other]],
    ).fetchall()
    found = slip_apart(texts, one, other)
    assert all(near for near, (distance,) in zip(found, distances, strict=True) if distance <= 1)


def test_no_pair_and_no_text() -> None:
    nobody = np.empty(0, dtype=np.int64)
    assert slip_apart([], nobody, nobody).tolist() == []
    assert slip_apart(["", "a", "ab"], np.array([0, 0, 0]), np.array([0, 1, 2])).tolist() == [True, True, False]
