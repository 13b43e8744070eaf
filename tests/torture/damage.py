"""Files of the home that hold other bytes than were written: what is rebuilt by itself, and what a person is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.conftest import Home
from tests.torture.homes import Harmed, Twin, expect, run, same, state

Damage = Callable[[random.Random, Home], None]


def _flip(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(20):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.chmod(0o644)
    file.write_bytes(content)


def _cut(file: Path, rng: random.Random) -> None:
    content = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(content[: rng.randrange(len(content) // 4, len(content) // 2)])


def _warehouse_flipped(rng: random.Random, home: Home) -> None:
    _flip(home.path / "warehouse.duckdb", rng)


def _warehouse_cut(rng: random.Random, home: Home) -> None:
    _cut(home.path / "warehouse.duckdb", rng)


def _warehouse_gone(rng: random.Random, home: Home) -> None:
    (home.path / "warehouse.duckdb").unlink()


def _warehouse_wal(rng: random.Random, home: Home) -> None:
    (home.path / "warehouse.duckdb.wal").write_bytes(rng.randbytes(5000))


def _dbt_files(rng: random.Random, home: Home) -> None:
    for name in ("target/manifest.json", "target/partial_parse.msgpack", "column_lineage.json"):
        _cut(home.path / "dbt" / name, rng)


def _event_log(rng: random.Random, home: Home) -> None:
    for name in ("event_log.db", "history/runs.db"):
        file = home.path / "dagster" / name
        content = bytearray(file.read_bytes())
        content[: len(content) // 2] = rng.randbytes(len(content) // 2)
        file.write_bytes(content)


def _record_of_a_run(rng: random.Random, home: Home) -> None:
    _cut(min((home.path / "runs").glob("*.json")), rng)


def _torn_lines(rng: random.Random, home: Home) -> None:
    """As a power cut leaves a file that was appended to."""
    ledger = max((home.path / "lake" / "_ledger").glob("*.jsonl"))
    for file in (ledger, home.path / "lake" / "_decisions" / "publications.jsonl"):
        with open(file, "ab") as handle:
            handle.write(b'{"load_id": "17')


def _leftovers(rng: random.Random, home: Home) -> None:
    """What runs that died have left at one time or another."""
    for name in (
        "published/current.new",
        "work/shopify-x/y",
        "spill/duckdb_temp_storage-0.tmp",
        "dbt/project/seeds.new/a",
    ):
        file = home.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"left")
    release = home.path / "published" / "releases" / "20200101T000000-aaaaaa"
    release.mkdir()
    (release / "omnihouse.duckdb").write_bytes(b"half a release")
    (home.path / "lake" / "_decisions" / "identity" / "20200101T000000-aaaaaa.parquet").write_bytes(b"half")
    (home.path / "lake" / "_decisions" / "identity" / "20200101T000000-bbbbbb.tmp").write_bytes(b"half")


# After these the next run goes on by itself.
MENDED: dict[str, Damage] = {
    "warehouse: bits flipped": _warehouse_flipped,
    "warehouse: cut": _warehouse_cut,
    "warehouse: gone": _warehouse_gone,
    "warehouse: log of writes is noise": _warehouse_wal,
    "dbt: manifest, parsed project and lineage cut": _dbt_files,
    "dagster: event log and runs are noise": _event_log,
    "runs: a record cut": _record_of_a_run,
    "lake: torn last lines": _torn_lines,
    "left-overs of dead runs": _leftovers,
}


def one_of_each(rng: random.Random) -> list[tuple[str, Damage]]:
    """One damage of the warehouse and all others."""
    of_the_warehouse = [way for way in MENDED.items() if way[0].startswith("warehouse")]
    return [rng.choice(of_the_warehouse), *(way for way in MENDED.items() if way not in of_the_warehouse)]


def mended(twin: Twin, rng: random.Random, runs: int) -> dict[str, Any]:
    """The second night after each damage, as many as there are runs for; the last comes after all that are left."""
    ways = list(MENDED.items())
    rng.shuffle(ways)
    batches = [[way] for way in ways] if runs >= len(ways) else [[way] for way in ways[: runs - 1]]
    if runs < len(ways):
        batches.append(one_of_each(rng))
    for batch in batches:
        home = twin.stage.lay_out("after1")
        for _, damage in batch:
            damage(rng, home)
        names = ", ".join(name for name, _ in batch)
        expect(run(home, UNTIL="2"), 0)
        same(twin.states[2], state(home), f"the night after {names}")
        twin.stage.say(f"damage: mended after {names}")
    return {"runs": len(batches), "damages": sorted({name for batch in batches for name, _ in batch})}


def told(twin: Twin, rng: random.Random) -> dict[str, Any]:
    """What no run can make again: `verify` names the file and what to do, and a run harms nothing."""
    lake = "lake/raw_pos/receipts/*.parquet"
    # The file, how it is damaged, the command that has to say it, what it says besides the file's name.
    cases: list[tuple[str, Callable[[Path, random.Random], None], str]] = [
        (lake, _flip, "Restore it from a backup"),
        (lake, _cut, "Restore it from a backup"),
        (lake, lambda file, _: file.unlink(), "Restore it from a backup"),
        ("lake/_decisions/identity/*.parquet", _flip, "Restore it from a backup"),
        ("lake/_decisions/home_key", lambda file, _: file.write_text("00" * 32 + "\n"), "Restore it from a backup"),
        ("lake/_ledger/*.jsonl", _damage_a_line, "Restore the file from a backup"),
        ("published/current/omnihouse.duckdb", _flip, "make rollback"),
        ("published/current/manifest.json", _cut, "make rollback"),
    ]
    for pattern, damage, words in cases:
        home = twin.stage.lay_out("after1")
        file = max(home.path.glob(pattern))
        damage(file, rng)
        outcome = run(home, "verify")
        expect(outcome, 1, words)
        said = outcome.said.replace("\n", "")
        if file.stem not in said.replace(" ", ""):
            raise Harmed(f"verify did not name {file.name}:\n{outcome.said}")
    return {"cases": len(cases)}


def _damage_a_line(file: Path, rng: random.Random) -> None:
    lines = file.read_bytes().split(b"\n")
    lines[0] = lines[0][: len(lines[0]) // 2]
    file.write_bytes(b"\n".join(lines))
