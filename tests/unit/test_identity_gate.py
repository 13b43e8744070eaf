"""How many known ids a night may move: the bounds of the suite against counts as the models leave them."""

import duckdb
import pytest

import expectations
from dagster_project import identity_changes
from tests.unit.history_models import Company

COLUMNS = (
    *("customers_before", "born", "merged", "identified", "anchor_removed", "erased", "retired", "split", "revived"),
    *("moved", "moved_unaccounted", "moved_by_new_version"),
)


@pytest.fixture
def counts(tmp_path):
    """Write the counts of a night and read them back as the gate does."""

    def write(**known):
        file = tmp_path / "warehouse.duckdb"
        file.unlink(missing_ok=True)
        listed = ", ".join(f"{known.get(name, 0)}::bigint as {name}" for name in COLUMNS)
        nothing = ", ".join(f"0::bigint as {name}" for name in COLUMNS)
        with duckdb.connect(str(file)) as warehouse:
            warehouse.execute("create schema ops")
            warehouse.execute(
                f"create table ops.identity_changes as select 'record' as cause, {listed}, false as is_anonymous"
                f" union all select 'record', {nothing}, true"
            )
            return file, identity_changes.read(warehouse)

    return write


def held_back(file, changes, accepted=False):
    found = expectations.check_marts(file, {"as_of": "2026-07-01", **changes.bounds(accepted)}, suite="ops")
    found = [result for result in found if result.table_name == "identity_changes"]
    return sorted({result.column for result in found if expectations.refused([result])})


@pytest.mark.parametrize(
    ("before", "moved", "is_held"),
    [(40, 10, False), (40, 11, True), (10_000, 50, False), (10_000, 51, True), (1_000_000, 5_000, False)],
)
def test_a_handful_or_half_a_percent_may_move(counts, before, moved, is_held):
    file, changes = counts(customers_before=before, moved=moved, moved_unaccounted=moved, merged=moved, retired=moved)
    assert held_back(file, changes) == (["moved_unaccounted"] if is_held else [])
    assert held_back(file, changes, accepted=True) == []


def test_one_id_moved_by_a_new_version_is_enough(counts):
    file, changes = counts(customers_before=10_000, moved=1, moved_by_new_version=1, split=1)
    assert held_back(file, changes) == ["moved_by_new_version"]
    assert held_back(file, changes, accepted=True) == []
    told = changes.refusal()
    assert "1 of 10,000 known customers" in told
    assert "0 known ids retired, 1 split, 0 merged" in told
    assert "--accept-restatement" in told


def test_a_first_night_has_nothing_to_compare_with(counts):
    file, changes = counts(born=500)
    assert held_back(file, changes) == []
    assert "500 born" in changes.sentence()


def test_the_refusal_says_how_many_and_what_to_do(counts):
    _, changes = counts(customers_before=2_000, moved=70, moved_unaccounted=60, merged=40, retired=45, split=25)
    told = changes.refusal()
    assert "60 of 2,000 known customers (3.00 %)" in told
    assert "45 known ids retired, 25 split, 40 merged" in told
    assert "make reject" in told


def test_each_known_id_counts_once_and_devices_do_not(tmp_path):
    company = Company(tmp_path)
    company.run({"r1": 0, "r2": 0, "r3": 1, "r4": 2, "d1": 3})
    # r1 parts from r2, who joins r3; r4 loses nothing; the device meets r4.
    tables = company.run({"r1": 0, "r2": 1, "r3": 1, "r4": 2, "d1": 2})
    found = {(row[0], row[-1]): row for row in tables["identity_changes"] if row[0] == "record"}
    known = dict(zip(COLUMNS, found["record", False][1:-1], strict=True))
    unknown = dict(zip(COLUMNS, found["record", True][1:-1], strict=True))
    assert {name: known[name] for name in ("customers_before", "retired", "split", "born", "moved")} == {
        "customers_before": 3, "retired": 1, "split": 1, "born": 1, "moved": 2,
    }  # fmt: skip
    assert unknown["customers_before"] == 1
    assert unknown["identified"] == 1
    assert unknown["moved"] == 0
