"""What is published of a record is what a decision may name it by, also where its own id is personal."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

import identity
from identity.rules import OVERRIDE_COLUMNS, RULE_COLUMNS

KEY = b"a key of a home for tests only.."
AT = datetime(2026, 7, 1, tzinfo=UTC)
RULES = pa.table(
    {name: [value] for name, value in zip(RULE_COLUMNS, ("phone", "1", "n", "40", "4", "", "90", "n"), strict=True)}
)
BLOCKED = pa.table({name: pa.array([], pa.string()) for name in ("type", "value", "is_pattern", "reason")})
BIRTHS = pa.table({"record_key": pa.array([], pa.string()), "birth_night": pa.array([], pa.int64())})


def records(*ids):
    return pa.table(
        {
            "record_key": [f"pos/member/{number}" for number in ids],
            "source_system": ["pos"] * len(ids),
            "record_type": ["member"] * len(ids),
            "source_record_id": list(ids),
            "is_anonymous": [False] * len(ids),
            "created_at": pa.array([AT] * len(ids)),
            "default_region": ["CN"] * len(ids),
            "has_personal_id": [number == "told" for number in ids],
        }
    )


def overrides(*lines):
    rows = [("2026-07-02", *line, "", "", "me", "seen") for line in lines]
    return pa.table(
        {name: pa.array(cells) for name, cells in zip(OVERRIDE_COLUMNS, zip(*rows, strict=True), strict=True)}
    )


def resolve(table, decided):
    assertions = pa.table(
        {
            "record_key": table["record_key"],
            "type": ["phone"] * table.num_rows,
            "value": [f"+8613800001{number:03}" for number in range(table.num_rows)],
            "first_at": [AT] * table.num_rows,
        }
    )
    return identity.resolve(
        table,
        assertions,
        RULES,
        BLOCKED,
        BIRTHS,
        1,
        KEY,
        overrides=identity.with_record_keys(decided, lambda: table, KEY),
    )


@pytest.mark.parametrize("personal", ["ann@example.com", "13912345678", "told"])
def test_a_decision_may_name_a_record_by_its_published_id(personal):
    table = records("7", personal)
    members = resolve(table, overrides(("must-link", "pos/member/7", "pos/member/8"))).members.to_pylist()
    shown = {row["record_key"]: f"pos/member/{row['published_record_id']}" for row in members}
    assert personal not in shown[f"pos/member/{personal}"]
    assert shown["pos/member/7"] == "pos/member/7"
    found = resolve(table, overrides(("must-link", shown[f"pos/member/{personal}"], shown["pos/member/7"])))
    assert found.overrides["status"].to_pylist() == ["accepted"]
    assert found.overrides["record_key"].to_pylist() == [f"pos/member/{personal}"]
    assert len(set(found.members["customer_id"].to_pylist())) == 1


def test_a_hash_that_is_nobodys_is_reported_as_it_was_written():
    name = "pos/member/h_" + "a" * 20
    found = resolve(records("7", "told"), overrides(("must-link", name, "pos/member/7")))
    assert found.overrides["status"].to_pylist() == ["inert"]
    assert name in found.overrides["reason"].to_pylist()[0]
