"""Probable pairs inside a home: what is stated, what is learned, which pairs are scored and which hold together."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.likely import LikelyModel, fit_likely, home_of, likely_features, likely_pairs, score_likely
from identity.model import ModelError
from identity.neighbours import Slips, pairs_within

START = datetime(2025, 1, 1, tzinfo=UTC)
GIVEN = re.findall(
    r"\w+", "anna bert carla david emma frank gerda hans ines jakob karla lukas maria norbert olga paul ruth simon"
)
FAMILY = re.findall(
    r"\w+", "adler bauer conrad decker ebert fuchs gruber hahn iffland jung keller lang maurer nagel otto pohl"
)
Row = dict[str, Any]


def record(key: str, **stated: Any) -> Row:
    return {"record_key": key, "is_anonymous": False, "default_region": "DE", "given_name": None, "family_name": None,
            "full_name": None, "birth_date": None, "street": None, "postcode": None, "city": None, "gender": None,
            "created_at": START, "source_system": "file", "record_type": "record", "source_record_id": key,
            } | stated  # fmt: skip


def assertion(key: str, kind: str, value: str, day: int = 0) -> Row:
    return {"record_key": key, "type": kind, "value": value, "first_at": START, "last_at": START + timedelta(day)}


def home(persons: int = 90, seed: int = 3) -> tuple[list[Row], list[Row], dict[str, str]]:
    """Persons with a card and an order that share a phone, and a slip of paper with name and street; couples too."""
    die = random.Random(seed)
    records: list[Row] = []
    assertions: list[Row] = []
    group: dict[str, str] = {}
    street = ""
    for at in range(persons):
        if at % 4 != 1:  # every fourth lives with the one before
            street = f"Weg {at * 7 + 1}"
            family = die.choice(FAMILY)
        name = {"given_name": die.choice(GIVEN), "family_name": family}
        phone = f"0151{at * 7368787 % 100_000_000:08d}"
        card, order, note = f"card/{at}", f"order/{at}", f"note/{at}"
        records += [record(card, **name, birth_date=f"19{50 + at % 50}-0{at % 9 + 1}-{at % 28 + 1:02d}", street=street),
                    record(order, **name, street=street), record(note, **name, street=street)]  # fmt: skip
        assertions += [assertion(card, "phone", phone), assertion(order, "phone", phone)]
        assertions.append(assertion(order, "email", f"{name['given_name']}{at * 7919 % 9973:04d}@post.example"))
        group |= {card: f"g{at}", order: f"g{at}", note: f"n{at}"}
    return records, assertions, group


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows)


def members(group: dict[str, str]) -> pa.Table:
    return pa.table({"record_key": list(group), "customer_id": list(group.values())})


@pytest.fixture(scope="module")
def usual() -> tuple[pa.Table, pa.Table, LikelyModel]:
    records, assertions, group = home()
    features = likely_features(table(records), table(assertions))
    model = fit_likely(home_of(features, members(group)), 0)
    assert model is not None
    return features, members(group), model


def rows(pairs: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in pairs.to_pylist()]


def test_a_record_states_its_own_rows_in_one_form() -> None:
    records = [
        record("a", full_name="Dr. Anna Müller", birth_date="1990-02-01", street="Lange Straße 5", gender="W"),
        record("b", full_name="Caller +4915112345678"),
        record("c") | {"is_anonymous": True},
    ]
    assertions = [
        assertion("a", "phone", "0151 1234 5678", 1),
        assertion("a", "phone", "+49 151 99999990", 5),
        assertion("a", "phone", "+4915112345678", 9),
        assertion("a", "email", " Anna@Post.example "),
        assertion("c", "phone", "015112345678"),
    ]
    found = likely_features(table(records), table(assertions)).to_pylist()
    assert [row["record_key"] for row in found] == ["a", "b"]
    assert found[0]["given_name"] == "anna"
    assert found[0]["family_name"] == "muller"
    assert found[0]["birth_date"] == "19900201"
    assert found[0]["phone"] == ["+4915112345678", "+4915199999990"]
    assert found[0]["email"] == ["anna@post.example"]
    assert found[1]["given_name"] is None
    alone = likely_features(table(records[:1]), table(assertions[:4])).to_pylist()
    assert alone == found[:1]


def test_notes_with_name_and_street_belong_to_their_person_and_not_to_the_other_of_a_couple(usual: Any) -> None:
    features, groups, model = usual
    pairs = likely_pairs(home_of(features, groups), model).to_pylist()
    sure = {
        (p["left_record"], p["right_record"]) for p in pairs if p["probability"] >= model.sure and p["is_supported"]
    }
    names = {row["record_key"]: (row["given_name"], row["street"]) for row in features.to_pylist()}
    assert all(names[one] == names[other] for one, other in sure)
    linked = {end for pair in sure for end in pair if end.startswith("note/")}
    assert len(linked) >= 85


def test_a_receipt_without_a_name_goes_to_neither_of_two_who_use_its_phone(usual: Any) -> None:
    _, _, model = usual
    records, assertions, group = home()
    for at, given_name in enumerate(("Xaver", "Yvonne")):
        key = f"two/{at}"
        records.append(record(key, given_name=given_name, family_name="Zorn", street="Gasse 3"))
        assertions.append(assertion(key, "phone", "+4917012345678"))
        group[key] = key
    for key in ("till/1", "till/2"):
        records.append(record(key))
        assertions.append(assertion(key, "phone", "+4917012345678"))
        group[key] = key
    features = likely_features(table(records), table(assertions))
    found = likely_pairs(home_of(features, members(group)), model).to_pylist()
    of_till = [p for p in found if "till/" in p["left_record"] + p["right_record"]]
    assert of_till
    assert not any(p["is_supported"] for p in of_till)
    only = {key: name for key, name in group.items() if key != "two/1"}
    kept = [row for row in records if row["record_key"] != "two/1"]
    said = [row for row in assertions if row["record_key"] != "two/1"]
    found = likely_pairs(home_of(likely_features(table(kept), table(said)), members(only)), model).to_pylist()
    of_till = [p for p in found if "till/" in p["left_record"] + p["right_record"]]
    assert of_till
    assert all(p["is_supported"] for p in of_till)


def test_pairs_within_a_group_are_not_looked_at(usual: Any) -> None:
    features, _, model = usual
    one = members(dict.fromkeys(features["record_key"].to_pylist(), "everybody"))
    assert likely_pairs(home_of(features, one), model).num_rows == 0


def test_too_little_teaches_nothing() -> None:
    records, assertions, group = home(10)
    features = likely_features(table(records), table(assertions))
    assert fit_likely(home_of(features, members(group)), 0) is None
    empty = likely_features(table(records).slice(0, 0), table(assertions).slice(0, 0))
    nobody = members({}).cast(pa.schema([("record_key", pa.string()), ("customer_id", pa.string())]))
    assert fit_likely(home_of(empty, nobody)) is None


def test_a_stored_model_scores_alike(usual: Any) -> None:
    features, groups, model = usual
    again = LikelyModel.from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert rows(likely_pairs(home_of(features, groups), again)) == rows(likely_pairs(home_of(features, groups), model))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "kind": "likely"}', '{"format": 9, "kind": "likely"}'])
def test_a_text_that_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        LikelyModel.from_json(text)


@settings(max_examples=2, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_labels_and_duplicates_do_not_matter(die: random.Random) -> None:
    records, assertions, group = home(70)
    label = {row["record_key"]: f"r{place}" for place, row in enumerate(die.sample(records, len(records)))}
    other_records = [row | {"record_key": label[row["record_key"]]} for row in records]
    other_assertions = [row | {"record_key": label[row["record_key"]]} for row in assertions]
    other_records += die.sample(other_records, 5)
    other_assertions += die.sample(other_assertions, 5)
    die.shuffle(other_records)
    die.shuffle(other_assertions)
    found = []
    for some, said, groups in (
        (records, assertions, group),
        (other_records, other_assertions, {label[key]: "x" + name for key, name in group.items()}),
    ):
        features = likely_features(table(some), table(said))
        model = fit_likely(home_of(features, members(groups)), 0)
        assert model is not None
        found.append((model.to_json(), likely_pairs(home_of(features, members(groups)), model).to_pylist()))
    assert found[0][0] == found[1][0]
    named = [
        (*sorted((label[p["left_record"]], label[p["right_record"]])), p["probability"], p["is_supported"])
        for p in found[0][1]
    ]
    assert sorted(named) == sorted(tuple(p.values()) for p in found[1][1])


@settings(max_examples=5, deadline=None)
@given(st.data())
def test_pairs_that_are_wanted_are_those_of_a_full_run(usual: Any, data: st.DataObject) -> None:
    features, groups, model = usual
    keys = features["record_key"].to_pylist()
    drawn = data.draw(st.lists(st.tuples(st.sampled_from(keys), st.sampled_from([1, 2])), max_size=40))
    wanted = dict(drawn)
    numbers = np.array([wanted.get(key, 0) for key in keys], dtype=np.int8)
    found = score_likely(home_of(features, groups), model, numbers)
    full = rows(score_likely(home_of(features, groups), model))
    assert rows(found) == [row for row in full if wanted.get(row[0], 0) + wanted.get(row[1], 0) >= 2]


def test_a_score_depends_on_its_two_records_alone(usual: Any) -> None:
    features, groups, model = usual
    scores = {row[:2]: row[2] for row in rows(score_likely(home_of(features, groups), model))}
    few = features.slice(0, 120)
    for row in rows(score_likely(home_of(few, groups), model)):
        assert scores[row[:2]] == row[2]


@given(st.lists(st.text("0123", min_size=6, max_size=8), unique=True, max_size=12))
def test_texts_one_slip_apart_are_found_without_comparing_all(texts: list[str]) -> None:
    from identity.names import one_edit_apart

    left, right = Slips(pa.array(texts, pa.string())).pairs(np.ones(len(texts), dtype=bool))
    wanted = {(a, b) for a in range(len(texts)) for b in range(a + 1, len(texts)) if one_edit_apart(texts[a], texts[b])}
    assert {(min(pair), max(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)} == wanted


def test_a_block_above_its_limit_is_dropped() -> None:
    owner, key = np.arange(10), np.array([0] * 4 + [1] * 6)
    left, right = pairs_within((owner, key), 10, 5)
    assert len(left) == 6
    assert right.max() == 3
