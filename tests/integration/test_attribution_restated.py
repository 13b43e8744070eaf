"""A night on which two customers turn out to be one and an old sale is given back: what that touches is rewritten."""

from __future__ import annotations

from decimal import Decimal

from tests.integration.restated_company import Restated


def test_the_two_are_one_and_the_sale_earned_nothing(restated: Restated):
    before, after = ({str(row) for rows in found.values() for row in rows} for found in restated.rows)
    credited = [[any(side in row for row in rows) for side in restated.merged] for rows in (before, after)]
    assert (credited[0], sum(credited[1])) == ([True, True], 1)
    worth = restated.home.query(
        "select model, sum(credit), sum(revenue_reporting) from marts.attribution where order_id = $1 group by model",
        [restated.given_back],
    )
    assert len(worth) == 8
    assert {row[1:] for row in worth} == {(Decimal(1), Decimal(0))}


def test_what_the_plain_models_said_of_others_is_not_written_again(restated: Restated):
    """Rows are written anew exactly where they say something else."""
    (before, after), (was, now) = restated.rows, restated.written
    plain = [key for key in before.keys() & after.keys() if not key[1]]
    rewritten = {key for key in plain if was[key] != now[key]}
    assert rewritten == {key for key in plain if before[key] != after[key]}
    assert (restated.given_back, False) in rewritten
    assert len(rewritten) < len(plain) / 5


def test_what_the_fitted_models_said_of_other_months_is_not_written_again(restated: Restated):
    (before, after), (was, now), (earlier, later) = restated.rows, restated.written, restated.weights
    fitted = [key for key in before.keys() & after.keys() if key[1]]
    moved = {month for month in earlier.keys() | later.keys() if earlier.get(month) != later.get(month)}
    month_of = dict(restated.home.query("select order_id, month from marts.attribution"))
    rewritten = {key for key in fitted if was[key] != now[key]}
    changed = {key for key in fitted if before[key] != after[key]}
    assert changed <= rewritten
    assert {month_of[order] for order, _ in rewritten - changed} <= moved
    still = [key for key in fitted if month_of[key[0]] not in moved]
    assert still
    assert {key for key in still if key in rewritten} == {key for key in still if key in changed}
