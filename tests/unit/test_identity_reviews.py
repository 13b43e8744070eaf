"""The review queue over nights: a question keeps its age while customers merge, and is closed by whoever decides it."""

from datetime import timedelta

import pytest

from tests.unit.history_models import FIRST_NIGHT, Company

PAIR, VALUE = "max_values_per_person", "shared_value"


@pytest.fixture
def company(tmp_path):
    return Company(tmp_path)


def at(night):
    return FIRST_NIGHT + timedelta(days=night)


def queue(tables):
    """(left, right, reason, people, value, first raised) in the order of the table."""
    return [(row[0], row[1], row[4], row[6], int(row[8]), row[9]) for row in tables["identity_review_queue"]]


def states(tables):
    return sorted((row[4], row[6]) for row in tables["identity_reviews"])


def pair(left, right):
    return (PAIR, left, right, "member_no", "m")


def test_a_question_is_raised_once_and_keeps_its_age(company):
    people = {"r1": 0, "r2": 1}
    first = company.run(people, reviews=[pair("r1", "r2")])
    assert queue(first) == [("s/t/r1", "s/t/r2", PAIR, 2, 100, at(1))]
    assert queue(company.run(people, reviews=[pair("r1", "r2")])) == queue(first)
    assert len(company.rows("reviews", 0)) == 1
    assert company.rows("reviews", 1) == []


def test_a_night_that_was_not_published_raised_nothing(company):
    company.run({"r1": 0, "r2": 1}, reviews=[pair("r1", "r2")], publish=False)
    assert queue(company.run({"r1": 0, "r2": 1}, reviews=[pair("r1", "r2")]))[0][-1] == at(2)


def test_questions_follow_the_surviving_anchor_and_collapse_with_the_earliest_time(company):
    apart = {"r1": 0, "r2": 1, "r3": 2}
    company.run(apart, reviews=[pair("r2", "r3")])
    both = company.run(apart, reviews=[pair("r2", "r3"), pair("r1", "r3")])
    assert sorted(row[-1] for row in queue(both)) == [at(1), at(2)]
    merged = company.run({"r1": 0, "r2": 0, "r3": 2}, reviews=[pair("r1", "r3")])
    assert queue(merged) == [("s/t/r1", "s/t/r3", PAIR, 2, 200, at(1))]
    assert states(merged) == [(PAIR, "open")]


def test_the_most_valuable_customers_come_first(company):
    tables = company.run({"r1": 0, "r2": 1, "r3": 2, "r4": 2}, reviews=[pair("r1", "r2"), pair("r2", "r3")])
    assert [(row[0], row[4]) for row in queue(tables)] == [("s/t/r2", 200), ("s/t/r1", 100)]


@pytest.mark.parametrize(("action", "after"), [("cannot-link", {"r1": 0, "r2": 1}), ("must-link", {"r1": 0, "r2": 0})])
def test_an_override_between_the_two_decides(company, action, after):
    company.run({"r1": 0, "r2": 1}, reviews=[pair("r1", "r2")])
    still_raised = [pair("r1", "r2")] if action == "cannot-link" else []
    tables = company.run(after, overrides=[(action, "r1", "r2")], reviews=still_raised)
    assert queue(tables) == []
    assert states(tables) == [(PAIR, "decided")]


def test_a_question_whose_cause_is_gone_is_obsolete_and_opens_again_with_its_old_age(company):
    people = {"r1": 0, "r2": 1}
    company.run(people, reviews=[pair("r1", "r2")])
    gone = company.run(people)
    assert states(gone) == [(PAIR, "obsolete")]
    back = company.run(people, reviews=[pair("r1", "r2")])
    assert queue(back)[0][-1] == at(1)


def test_a_shared_value_is_one_question_shown_by_its_two_best_people(company):
    people = {"r1": 0, "r2": 1, "r3": 2, "r4": 2}
    value = (VALUE, None, None, "phone", "v")
    tables = company.run(people, shared={"v": ["r1", "r2", "r3"]}, reviews=[value])
    assert queue(tables) == [("s/t/r3", "s/t/r1", VALUE, 3, 200, at(1))]
    one = company.run(people, shared={"v": ["r1", "r2", "r3"]}, reviews=[value],
                      overrides=[("cannot-link", "r1", "r3")])  # fmt: skip
    assert states(one) == [(VALUE, "open")]
    links = [("cannot-link", "r1", "r3"), ("cannot-link", "r1", "r2"), ("cannot-link", "r4", "r2")]
    every = company.run(people, shared={"v": ["r1", "r2", "r3"]}, reviews=[value], overrides=links)
    assert states(every) == [(VALUE, "decided")]
    one_person = company.run(dict.fromkeys(people, 0), shared={"v": ["r1", "r2", "r3"]}, reviews=[value])
    assert states(one_person) == [(VALUE, "open")]
    joined = company.run(dict.fromkeys(people, 0), shared={"v": ["r1", "r2", "r3"]}, reviews=[value],
                         overrides=[("must-link", "r1", "r3")])  # fmt: skip
    assert states(joined) == [(VALUE, "decided")]


def test_contradicting_decisions_stay_open_until_one_is_withdrawn(company):
    contradiction = ("overrides_contradict", "r1", "r2", None, None)
    people = {"r1": 0, "r2": 0}
    tables = company.run(people, reviews=[contradiction], overrides=[("must-link", "r1", "r2")])
    assert [row[:3] for row in queue(tables)] == [("s/t/r1", "s/t/r2", "overrides_contradict")]
    assert queue(company.run(people, reviews=[contradiction], overrides=[("must-link", "r1", "r2")]))[0][-1] == at(1)
    assert queue(company.run(people, overrides=[("must-link", "r1", "r2")])) == []
