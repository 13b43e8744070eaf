"""Pairs that come and go between records that nothing happened to, where blocks cross their limits."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from identity import likely, neighbours
from identity.likely import Home, LikelyModel, fit_likely, home_of, score_likely, shifted
from identity.profiles import FEATURE_SCHEMA, features_as_text, taken_apart

GIVEN = ["anna", "bert", "carla", "dora", "emil"]
FAMILY = ["adler", "brandt", "conrad", "dietz"]
PHONES = [f"+49302222{number}" for number in (220, 221, 231, 241, 242)]
MAILBOXES = [f"ann{number}ab@x.de" for number in (1, 2, 12)]


def row(key: str, rng: random.Random) -> dict[str, Any]:
    def perhaps(texts: list[str], share: float) -> str | None:
        return rng.choice(texts) if rng.random() < share else None

    return {
        "record_key": key,
        "given_name": perhaps(GIVEN, 0.8),
        "family_name": perhaps(FAMILY, 0.6),
        "birth_date": perhaps([f"198{digit}0101" for digit in range(5)], 0.5),
        "street": perhaps([f"{number} main road" for number in range(5)], 0.4),
        "postcode": perhaps(["1", "2"], 0.3),
        "city": "berlin",
        "gender": None,
        "phone": rng.sample(PHONES, rng.choice([0, 0, 1, 2])),
        "email": rng.sample(MAILBOXES, rng.choice([0, 0, 1])),
    }


def table(rows: dict[str, dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=FEATURE_SCHEMA)


def alone(features: pa.Table) -> pa.Table:
    return pa.table({"record_key": features["record_key"], "customer_id": features["record_key"]})


@pytest.fixture(scope="module")
def model() -> LikelyModel:
    rng = random.Random(1)
    features = table({f"m{number:03}": row(f"m{number:03}", rng) for number in range(150)})
    learned = fit_likely(home_of(features, alone(features)))
    assert learned is not None
    # Small blocks, and nearly every pair that is looked at is kept: then it shows which are looked at.
    return LikelyModel.from_json(json.dumps(json.loads(learned.to_json()) | {"block_limit": 2, "doubtful": 1e-7}))


def scored(features: pa.Table, model: LikelyModel, wanted: dict[str, int] | None = None) -> set[tuple[str, str, float]]:
    home = home_of(features, alone(features))
    numbers = None if wanted is None else np.array([wanted.get(key, 0) for key in home.key.to_pylist()], dtype=np.int8)
    return {tuple(pair.values()) for pair in score_likely(home, model, numbers).to_pylist()}


def between(before: pa.Table, now: pa.Table, model: LikelyModel) -> dict[str, int]:
    stated = [dict(zip(*(kept[name].to_pylist() for name in kept.column_names), strict=True))
              for kept in (features_as_text(before), features_as_text(now))]  # fmt: skip
    gone = [text for key, text in stated[0].items() if stated[1].get(key) != text]
    came = np.array([stated[0].get(key) != text for key, text in stated[1].items()])
    home = Home(features_as_text(now), alone(now), pa.array(gone, pa.string()))
    left = {key: 2 for key, text in stated[0].items() if stated[1].get(key) != text}
    return left | dict(zip(home.key.to_pylist(), shifted(home, came, model).tolist(), strict=True))


def test_pairs_of_a_night_are_those_of_last_night_and_of_what_was_touched(
    model: LikelyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_SLIP_BLOCK", 2)
    monkeypatch.setattr(likely, "_MOST_ALIKE", 2)
    rng = random.Random(8)
    crossed = alone_wanted = 0
    for _ in range(16):
        rows = {f"r{number:02}": row(f"r{number:02}", rng) for number in range(rng.randint(5, 25))}
        before = table(rows)
        changed = {f"r{rng.randint(0, 29):02}" for _ in range(rng.randint(1, 4))}
        for key in sorted(changed):
            if key in rows and rng.random() < 0.4:
                del rows[key]
            else:
                rows[key] = row(key, rng)
        now = table(rows)
        last, tonight = scored(before, model), scored(now, model)

        def kept(wanted: dict[str, int], last: set[Any] = last, now: pa.Table = now) -> set[Any]:
            stays = {pair for pair in last if sum(wanted.get(key, 0) for key in pair[:2]) < 2}
            return stays | scored(now, model, wanted)

        wanted = between(before, now, model)
        assert kept(wanted) == tonight
        crossed += kept(dict.fromkeys(changed, 2)) != tonight
        alone_wanted += sum(number == 1 for number in wanted.values())
    assert alone_wanted > 2, "only pairs within a block are wanted, or nothing is tested here"
    assert crossed > 2, "blocks cross their limit, or nothing is tested here"


def test_features_are_kept_as_text_and_read_again() -> None:
    rng = random.Random(3)
    features = table({f"r{number:02}": row(f"r{number:02}", rng) for number in range(30)})
    for some in (features, features.slice(0, 0)):
        kept = features_as_text(some)
        read = pa.table({"record_key": kept["record_key"], **taken_apart(kept["stated"])}, schema=FEATURE_SCHEMA)
        assert read.equals(some)
