"""What incremental models compare: a group's fingerprint tells any change of its rows, and nothing of their order."""

from __future__ import annotations

import duckdb
import pytest

from tests.unit.compiled_models import compiled


def fingerprint(*rows: tuple[str, int]) -> int:
    query = compiled("select {{ group_fingerprint(['name', 'value']) }} from given", "marts_incremental")
    with duckdb.connect() as session:
        session.execute("create table given (name text, value integer)")
        session.executemany("insert into given values (?, ?)", [list(row) for row in rows])
        (found,) = session.execute(query).fetchall()[0]
    return found


@pytest.mark.parametrize(
    "changed", [(("a", 2), ("b", 2)), (("a", 2), ("b", 1)), (("a", 1),), (("a", 1), ("b", 1), ("c", 1))]
)
def test_it_tells_rows_that_change_alike_or_exchange_what_they_hold(changed):
    assert fingerprint(*changed) != fingerprint(("a", 1), ("b", 1))
    assert fingerprint(*changed) == fingerprint(*reversed(changed))


def test_two_rows_that_exchange_their_last_column_are_told():
    assert fingerprint(("a", 1), ("b", 2)) != fingerprint(("a", 2), ("b", 1))
