"""The artefact of probable links: what a record states, what is learned from records, and what a score depends on."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pytest

import identity
from identity import features
from identity.model import ModelError, Prepared
from identity.training import Background, patterns_of, probability, train

FUZZY = {"first": "given_name", "last": "family_name", "born": "date_of_birth", "town": "city", "mail": "email"}
_FIRST = ("anna", "bernard", "clara", "dmitri", "elisa", "frank", "greta", "henry", "irene", "jacob", "karla", "lothar")
_LAST = (
    "meier",
    "novak",
    "olsen",
    "petrov",
    "quandt",
    "rossi",
    "schulz",
    "tanaka",
    "ulrich",
    "vogel",
    "weber",
    "young",
)


def company(persons: int = 150, seed: int = 3) -> pa.Table:
    """Each person twice, the second time with a slip or a gap."""
    rng = random.Random(seed)
    rows = []
    for person in range(persons):
        one = {
            "first": rng.choice(_FIRST),
            "last": rng.choice(_LAST) + rng.choice(["", "son", "mann", "ova"]),
            "born": f"{rng.randrange(1940, 2005)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
            "town": rng.choice(["Aachen", "Berlin", "Celle", "Dessau", "Erfurt"]),
            "mail": f"box{rng.randrange(10**6)}@mail{person % 9}.example",
        }
        other: dict[str, str | None] = {**one}
        slip = rng.choice(list(FUZZY))
        other[slip] = None if rng.random() < 0.4 else one[slip][1:] + one[slip][0]
        rows += [{"record_key": f"p{person}", **one}, {"record_key": f"q{person}", **other}]
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def records() -> pa.Table:
    return company()


@pytest.fixture(scope="module")
def model(records: pa.Table) -> identity.Model:
    return identity.fit_model(records, FUZZY, 7)


def scores(records: pa.Table, model: identity.Model) -> dict[tuple[str, str], float]:
    pairs = identity.score_pairs(records, model)
    assert pairs.column_names == ["left_record", "right_record", "probability"]
    return {(r["left_record"], r["right_record"]): r["probability"] for r in pairs.to_pylist()}


def test_the_two_records_of_a_person_are_found_without_labels(records: pa.Table, model: identity.Model) -> None:
    found = {pair for pair, probability in scores(records, model).items() if probability >= model.sure}
    true = {(f"p{i}", f"q{i}") for i in range(150)}
    assert len(found & true) >= 0.98 * len(true)
    assert len(found - true) <= 0.02 * len(true)
    assert model.prior == pytest.approx(150 / (300 * 299 / 2), rel=0.1)


def test_a_stored_model_scores_as_the_fitted_one(records: pa.Table, model: identity.Model) -> None:
    again = identity.Model.from_json(model.to_json())
    assert again == model
    assert again.to_json() == model.to_json()
    assert scores(records, again) == scores(records, model)
    assert model.versions["splink"].startswith("5.")
    numbers = [n for table in (*model.m.values(), *model.u.values()) for row in table for n in row]
    assert all(float(f"{n:.6g}") == n for n in [*numbers, model.prior, *model.rare.values()])


def test_neither_order_nor_ids_of_the_records_matter_to_what_is_learned(
    records: pa.Table, model: identity.Model
) -> None:
    order = list(range(records.num_rows))
    random.Random(1).shuffle(order)
    shuffled = records.take(order).set_column(0, "record_key", pa.array([f"x{i}" for i in range(len(order))]))
    assert identity.fit_model(shuffled, FUZZY, 7).to_json() == model.to_json()


def test_a_sample_is_drawn_from_the_content_too(monkeypatch: pytest.MonkeyPatch, records: pa.Table) -> None:
    monkeypatch.setattr("identity.blocking.ALL_PAIRS", 1_000)
    monkeypatch.setattr("identity.model._SAMPLE", 5_000)
    order = list(range(records.num_rows))
    random.Random(2).shuffle(order)
    one, other = identity.fit_model(records, FUZZY), identity.fit_model(records.take(order), FUZZY)
    assert one.to_json() == other.to_json()
    assert identity.fit_model(records, FUZZY, 1).to_json() != one.to_json()
    assert len({pair for pair, p in scores(records, one).items() if p >= 0.5}) >= 140


def test_a_score_depends_on_two_records_and_the_model_only(records: pa.Table, model: identity.Model) -> None:
    everyone = scores(records, model)
    few = scores(records.slice(0, 40), model)
    assert few
    assert all(everyone[pair] == probability for pair, probability in few.items() if pair in everyone)
    assert {pair for pair, p in few.items() if p >= model.doubtful} <= set(everyone)


def test_levels_do_not_depend_on_threads(records: pa.Table) -> None:
    from identity.comparisons import Comparer

    prepared = Prepared(records, FUZZY)
    left, right = np.triu_indices(120, 1)
    one = Comparer(prepared.table, prepared.fields, threads=1).levels(left, right)
    assert np.array_equal(one, Comparer(prepared.table, prepared.fields, threads=3).levels(left, right))
    assert np.array_equal(one, prepared.comparer.levels(right, left))


def test_what_one_person_alone_states_is_not_in_the_artefact(records: pa.Table, model: identity.Model) -> None:
    text = model.to_json()
    assert not any(mail in text for mail in records["mail"].to_pylist() if mail)
    assert model.frequencies["city"]["berlin"] == pytest.approx(0.2, abs=0.1)


def test_columns_that_say_the_same_count_once() -> None:
    records = company()
    twice = records.append_column(
        "district", pa.array([f"{t} region" if t else None for t in records["town"].to_pylist()])
    )
    fitted = identity.fit_model(twice, {**FUZZY, "district": "other"})
    assert "other" in (fitted.parent["city"], *(k for k, p in fitted.parent.items() if p == "city"))
    found = {pair for pair, p in scores(twice, fitted).items() if p >= 0.5}
    assert len(found - {(f"p{i}", f"q{i}") for i in range(150)}) <= 5


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_records(n: int) -> None:
    records = company(1).slice(0, n)
    fitted = identity.fit_model(records, FUZZY)
    assert identity.score_pairs(records, fitted).num_rows <= 1


def test_strange_texts_are_compared_like_any_other() -> None:
    strange = ["x" * 10_000, "💥", "'; drop table", "١٩٧١-٠٦-٢٤", " ", "nan"] * 7
    records = company(21)
    for column in FUZZY:
        at = records.column_names.index(column)
        mixed = [t if i % 2 else o for i, (t, o) in enumerate(zip(records[column].to_pylist(), strange, strict=True))]
        records = records.set_column(at, column, pa.array(mixed))
    fitted = identity.fit_model(records, FUZZY)
    found = scores(records, fitted)
    assert all(0 <= probability <= 1 for probability in found.values())
    assert scores(records, identity.Model.from_json(fitted.to_json())) == found


def test_columns_without_any_value() -> None:
    records = company(20).append_column("nothing", pa.nulls(40, pa.string()))
    fitted = identity.fit_model(records, {**FUZZY, "nothing": "phone"})
    assert identity.score_pairs(records, fitted).num_rows >= 18


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: identity.fit_model(r, {"first": "forename"}), "unknown kinds forename"),
        (lambda r: identity.fit_model(r, {"nobody": "city"}), "there is no column nobody"),
        (lambda r: identity.fit_model(r, FUZZY, sure=0.1, doubtful=0.5), "0 < doubtful <= sure <= 1"),
        (lambda r: identity.Model.from_json("[]"), "this is no model of probable links"),
        (lambda r: identity.Model.from_json('{"format": 99}'), "not of format 1"),
    ],
)
def test_what_does_not_fit_is_refused(records: pa.Table, call: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        call(records)  # type: ignore[operator]


def test_a_model_of_other_levels_is_refused(records: pa.Table, model: identity.Model) -> None:
    given = json.loads(model.to_json())
    given["levels"]["city"] = ["else", "equal"]
    with pytest.raises(ModelError, match="other levels than this version"):
        identity.score_pairs(records, identity.Model.from_json(json.dumps(given)))


def test_expected_matches_are_taken_out_of_what_is_common_by_chance() -> None:
    rng = np.random.default_rng(0)
    same = rng.random(20_000) < 0.1
    levels = np.where(same[:, None], rng.random((20_000, 8)) < 0.9, rng.random((20_000, 8)) < 0.05).astype(np.int8)
    patterns = patterns_of(levels)
    equal = levels.astype(np.float64)
    background = Background(patterns, 1.0, equal.T @ equal, len(levels))
    found = train(patterns, background, [np.array([0.2, 0.8])] * 8, [np.array([0.9, 0.1])] * 8, 0.01)
    assert found.prior == pytest.approx(0.1, abs=0.01)
    assert found.parent == [-1] * 8
    assert all(u[0, 1] == pytest.approx(0.05, abs=0.01) for u in found.u)
    assert all(m[0, 1] == pytest.approx(0.9, abs=0.02) for m in found.m)
    assert np.mean((probability(levels, found) > 0.5) == same) > 0.97


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("1971-06-24", "19710624"),
        ("19710624", "19710624"),
        ("24/06/1971", "19710624"),
        ("24 Jun 1971", "19710624"),
        ("1971", "19710000"),
        ("1971年6月24日", "19710624"),
        ("١٩٧١-٠٦-٢٤", "19710624"),
        ("soon", ""),
    ],
)
def test_birth_dates_as_people_write_them(text: str, digits: str) -> None:
    assert features.birth_digits(text) == digits


@pytest.mark.parametrize(
    ("full", "given", "family"),
    [
        ("Thomas Clifford", "thomas", "clifford"),
        ("Clifford, Thomas", "thomas", "clifford"),
        ("Sir Thomas Clifford, 1st Baron Clifford of Chudleigh", "thomas", "clifford"),
        ("王小明", "小明", "王"),
        ("Clifford", None, "clifford"),
    ],
)
def test_a_full_name_fills_the_names_that_are_missing(full: str, given: str | None, family: str) -> None:
    table = features.feature_table(pa.table({"n": [full]}), {"n": "full_name"})
    assert (table["given_name"][0].as_py(), table["family_name"][0].as_py()) == (given, family)


def test_names_of_one_sound() -> None:
    assert features.sound("smith") == features.sound("smyth")
    assert features.sound("catherine") == features.sound("kathryn")
    assert features.sound("smith") != features.sound("miller")
    assert features.spoken("小明") == features.spoken("晓明") == "xiaoming"
