"""Order lines of random files, night by night: as the definition says, as a full build says, and none is lost.

The definition is worked out again in plain Python: an order stands as of its newest load after which no line is broken,
and lines without numbers of a torn file count as broken where they are fewer than they were. A file is torn that has a
line which nobody could read, or goods of no order.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dagster_project.config import House
from dagster_project.warehouse import connect
from tests.integration import known_project
from tests.integration.empty_warehouse import dbt, prepare

MODELS = ("base_exports__order_lines", "stg_exports__order_lines", "quarantine__exports__order_lines")
NIGHTS = (1, 2, 3)
ORDERS = 120


@dataclass(frozen=True)
class Line:
    """One delivered row; a quantity that is no number makes it broken."""

    load_id: str
    row_number: int
    order_id: str | None
    line_number: str | None
    sku: str | None
    quantity: str


def delivery(chance: random.Random, load_id: str) -> list[Line]:
    """A file: some orders, most with numbered lines, a few mixed; one line in eight is broken, the last is a total."""
    rows: list[Line] = []
    for order in chance.sample(range(ORDERS), 50):
        numbered = chance.random() < (0.8 if order % 3 else 0.2)
        for _ in range(chance.randint(1, 4)):
            number = str(chance.randint(1, 4)) if numbered and chance.random() < 0.97 else None
            quantity = "x" if chance.random() < 0.12 else str(chance.randint(1, 5))
            rows.append(Line(load_id, len(rows) + 1, f"o{order}", number, f"s{chance.randint(0, 9)}", quantity))
    return [*rows, Line(load_id, len(rows) + 1, None, None, None, "1")]


def by_definition(lines: list[Line], torn: set[str]) -> tuple[list[tuple[Any, ...]], int]:
    """The lines that stand, and how many wait."""
    orders: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line.order_id:
            orders[line.order_id][line.load_id].append(line)
    standing, waiting = [], sum(line.order_id is None for line in lines)
    for order, loads in orders.items():
        state: dict[str, Line] = {}
        settled, settled_as_of, earlier_numbered, most = {}, "", True, 0
        for load in sorted(loads):
            numbered = all(line.line_number for line in loads[load])
            items = len({line.line_number or place for place, line in enumerate(loads[load])})
            is_short = load in torn and not numbered and items < most
            most = max(most, items) if load in torn and not numbered else items
            if not (numbered and earlier_numbered):
                state = {}
            for place, line in enumerate(loads[load], start=1):
                state[line.line_number or f"#{place}"] = line
            earlier_numbered = numbered
            if not is_short and all(line.quantity != "x" for line in state.values()):
                settled, settled_as_of = dict(state), load
        standing += [(order, key, line.sku, line.load_id, line.row_number) for key, line in settled.items()]
        waiting += sum(len(rows) for load, rows in loads.items() if load > settled_as_of)
    return sorted(standing), waiting


class Staging:
    """The three models of order lines in a home of their own, over a raw table that the test writes."""

    def __init__(self, house: House) -> None:
        self.house = prepare(house)
        with connect(house) as warehouse:
            for table in ("order_lines", "broken_lines"):
                warehouse.execute(f"create or replace table taken_over as select * from raw_exports.{table}")
                warehouse.execute(f"drop view raw_exports.{table}")
                warehouse.execute(f"create table raw_exports.{table} as select * from taken_over")
        self.dbt("seed", "--select", "currencies", "order_statuses")

    def dbt(self, *arguments: str) -> None:
        outcome = dbt(self.house, "--quiet", *arguments)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr

    def land(self, lines: list[Line], torn: bool = False) -> None:
        with connect(self.house) as warehouse:
            if torn:
                warehouse.execute("insert into raw_exports.broken_lines (_load_id) values ($1)", [lines[0].load_id])
            warehouse.executemany(
                "insert into raw_exports.order_lines (system, source_system, unit_price, ordered_at, _file_name,"
                " _load_id, _row_number, order_id, line_number, sku, quantity)"
                " values ('s', 's', '1', '2026-01-01', 'f.csv', $1, $2, $3, $4, $5, $6)",
                [
                    (line.load_id, line.row_number, line.order_id, line.line_number, line.sku, line.quantity)
                    for line in lines
                ],
            )
            for load in {line.load_id for line in lines}:
                warehouse.execute(
                    "insert into ops.loads (load_id, source_system, source_table, rows_landed, admitted, loaded_at)"
                    " values ($1, 's', 'order_lines', $2, true, now())",
                    [load, sum(line.load_id == load for line in lines)],
                )

    def build(self, *arguments: str) -> None:
        self.dbt("run", *arguments, "--select", *MODELS)

    def rows(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """What is staged and what waits; each delivered row is staged, superseded or waiting."""
        with connect(self.house) as warehouse:
            staged = warehouse.execute(
                "select order_id, _item_key, sku, _load_id, _row_number, is_stale_version, _settled_load_id,"
                " _versions_seen from staging.stg_exports__order_lines order by all"
            ).fetchall()
            waiting = warehouse.execute(
                "select key, rule, load_id, row_number from quarantine.quarantine__exports__order_lines order by all"
            ).fetchall()
            delivered = warehouse.execute("select count(*) from raw_exports.order_lines").fetchall()
        assert sum(row[-1] for row in staged) + len(waiting) == delivered[0][0]
        return staged, waiting


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory, known: Path) -> Staging:
    home = tmp_path_factory.mktemp("lines") / "home"
    known_project.give(home, known)
    return Staging(House(home))


def test_nights_of_random_files_equal_the_definition_and_a_full_build(staging: Staging):
    chance, lines, torn = random.Random(20), [], set()
    for night, files in enumerate(NIGHTS, start=1):
        for file in range(files):
            landed = delivery(chance, f"1{night}{file}.5")
            harm = chance.choice(("none", "unreadable", "goods of no order"))
            if harm != "none":
                torn.add(landed[0].load_id)
            if harm == "goods of no order":
                landed.append(replace(landed[-1], row_number=len(landed) + 1, sku="s"))
            staging.land(landed, torn=harm == "unreadable")
            lines += landed
        staging.build()
        staged, waiting = staging.rows()
        standing, expected_waiting = by_definition(lines, torn)
        assert sorted(row[:5] for row in staged) == standing
        assert len(waiting) == expected_waiting
    staging.build("--full-refresh")
    assert staging.rows() == (staged, waiting)
    # A load that is older than those taken in changes what came after it.
    late = [Line("100.5", 1, "o1", "9", "late", "x"), Line("100.5", 2, "o2", "1", "late", "1")]
    staging.land(late)
    staging.build()
    standing, expected_waiting = by_definition([*lines, *late], torn)
    staged, waiting = staging.rows()
    assert (sorted(row[:5] for row in staged), len(waiting)) == (standing, expected_waiting)
