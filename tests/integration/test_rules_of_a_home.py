"""A home whose own rules do not fit its data: what is said, and that nothing is built."""

from __future__ import annotations

from pathlib import Path

from dagster_project.config import PROJECT, House
from dagster_project.warehouse import connect
from tests.integration import known_project
from tests.integration.empty_warehouse import dbt, prepare


def test_a_type_in_the_data_without_a_rule_is_named(tmp_path: Path, known: Path):
    known_project.give(tmp_path / "home", known)
    house = House(tmp_path / "home")
    house.rules.mkdir(parents=True)
    shipped = (PROJECT / "seeds" / "identity_rules.csv").read_text().splitlines()
    own = [line for line in shipped if not line.startswith("device,")]
    (house.rules / "identity_rules.csv").write_text("\n".join(own) + "\n")
    prepare(house)
    only_tables = [part for kind in ("test", "unit_test") for part in ("--exclude-resource-type", kind)]
    outcome = dbt(house, "build", "--select", "+int_identity__assertions", *only_tables)
    seeded = dbt(house, "seed", "--select", "identity_rules", "identity_blocked_values", "identity_overrides")
    assert (outcome.returncode, seeded.returncode) == (0, 0), outcome.stdout + seeded.stdout
    with connect(house) as warehouse:
        warehouse.execute(
            "insert into intermediate.int_identity__records by name select 'events/device/d' as record_key,"
            " 'events' as source_system, 'device' as record_type, 'd' as source_record_id, true as is_anonymous"
        )
        warehouse.execute(
            "insert into intermediate.int_identity__assertions by name"
            " select 'events/device/d' as record_key, 'device' as type, 'd' as value"
        )
    refused = dbt(house, "run", "--select", "int_identity__clusters")
    assert refused.returncode == 1
    assert "identity_rules.csv: no rule for the identifier type device, which the data holds" in refused.stdout
    assert "Add a line for each" in refused.stdout
