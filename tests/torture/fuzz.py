"""Corrupted inputs over every kind of source, drawn by a seed, many in one night.

Tonight's own files are replaced by what has to be read as if nothing had happened, and beside the files of the night
before lie corrupted copies of them. The night has to publish what the undisturbed home published, and to say of each
corrupted file what became of it. Systems that are pulled are corrupted in a night before, which publishes nothing.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from ingestion.demo import Company
from ingestion.mapping import load_mappings
from tests.integration.conftest import Home
from tests.torture.corruptions import HARMFUL, HARMLESS, Delivered
from tests.torture.homes import COMPANY_SEED, PERSONS, Harmed, Twin, expect, run, same, state

_SYSTEMS = ("shopify", "zendesk", "pos")
# What an exception of Python's looks like where nobody put it into words.
_RAW_ERROR = re.compile(r"^\w*(Error|Exception|Failed)\b")


def torture(twin: Twin, home: Home, count: int, rng: random.Random, systems: bool) -> dict[str, Any]:
    """The second night of a home that had its first, over `count` corrupted files; returns what became of them."""
    landing = home.path / "demo" / "landing"
    before = {path for path in landing.rglob("*") if path.is_file()}
    Company(home.path / "demo", int(PERSONS), int(COMPANY_SEED)).advance(2)
    tonight = sorted({path for path in landing.rglob("*") if path.is_file()} - before)
    told = _systems_misbehave(home, rng) if systems else {}
    mappings = load_mappings([home.path / "demo" / "mappings"])
    harmless = _replace(tonight, mappings, rng)
    harmful = _add(sorted(before), mappings, count - len(harmless), rng)
    outcome = run(home, UNTIL="2", OMNIHOUSE_QUARANTINE_LIMIT="100")
    if outcome.code not in (0, 1) or "Traceback" in outcome.said:
        raise Harmed(f"a night over corrupted files ended with {outcome.code}:\n{outcome.said[-4000:]}")
    wanted, found = dict(twin.states[2]), state(home)
    set_aside = found.pop("ops.quarantine")
    wanted.pop("ops.quarantine")
    same(wanted, found, f"a night over {len(harmful)} corrupted files ({', '.join(harmless)} were harmless)")
    fates = _fates(home, harmful)
    if not set_aside:
        raise Harmed("nothing of the corrupted files is in quarantine")
    return {
        "inputs": len(harmless) + len(harmful) + len(told),
        "harmless": sorted(harmless),
        "fates": dict(Counter(fates.values())),
        "systems": told,
    }


def _delivered(path: Path, mappings: dict[str, Any]) -> Delivered:
    return Delivered(path, mappings.get(path.parent.name))


def _replace(files: list[Path], mappings: dict[str, Any], rng: random.Random) -> dict[str, Path]:
    """Each of tonight's files in another form, and one of them delivered twice."""
    found = {}
    ways = list(HARMLESS.items())
    rng.shuffle(ways)
    for number, path in enumerate(files):
        for name, corrupt in ways[number % len(ways) :] + ways:
            if content := corrupt(rng, _delivered(path, mappings)):
                path.write_bytes(content)
                found[f"{path.parent.name} {name}"] = path
                break
    twice = rng.choice(files)
    shutil.copyfile(twice, twice.with_name(f"{twice.name.split('.')[0]} (1){''.join(twice.suffixes)}"))
    found[f"{twice.parent.name} twice"] = twice
    return found


def _add(files: list[Path], mappings: dict[str, Any], count: int, rng: random.Random) -> dict[str, tuple[str, str]]:
    """Corrupted copies beside the originals, by the name that a load has; each folder and each kind in turn."""
    folders: dict[str, list[Path]] = {}
    for path in files:
        folders.setdefault(path.parent.name, []).append(path)
    order = sorted(folders)
    rng.shuffle(order)
    kinds = list(HARMFUL)
    rng.shuffle(kinds)
    found: dict[str, tuple[str, str]] = {}
    number = 0
    while len(found) < count and number < 20 * count:
        folder, kind = order[number % len(order)], kinds[(number + number // len(order)) % len(kinds)]
        number += 1
        # The newest: what an older one says may have been said otherwise since.
        path = folders[folder][-1]
        content = HARMFUL[kind](rng, _delivered(path, mappings))
        if content is None or content == path.read_bytes():
            continue
        stem, suffixes = path.name.split(".")[0], "".join(path.suffixes)
        copy = path.with_name(f"{stem}.{kind}-{number}{suffixes}")
        copy.write_bytes(content)
        found[f"{folder}/{copy.name}"] = (folder, kind)
    return found


def _fates(home: Home, harmful: dict[str, tuple[str, str]]) -> dict[str, str]:
    """What became of each file, as `ops` tells it; raises `Harmed` where a refusal is not in words."""
    loads: dict[str, list[tuple[Any, ...]]] = {}
    for name, *rest in home.query("select file_name, load_id, status, error, rows_rejected from ops.loads"):
        loads.setdefault(str(name), []).append(tuple(rest))
    held = dict(home.query("select load_id, count(*) from ops.quarantine group by all"))
    fates = {}
    for name in harmful:
        fates[name] = "no effect"
        for load_id, status, error, rejected in loads.get(name, ()):
            if status in ("failed", "refused"):
                if not error or _RAW_ERROR.match(error):
                    raise Harmed(f"{name} was refused without a word for a person: {error!r}")
                fates[name] = "refused"
            elif rejected or load_id in held:
                fates[name] = "quarantined"
    return fates


def _systems_misbehave(home: Home, rng: random.Random) -> dict[str, str]:
    """Shop and desk answer wrongly and the tills' database is damaged: each is said, and nothing is published."""
    faults = {system: rng.choice(("no_column", "flipped")) for system in ("shopify", "zendesk")}
    tills = home.path / "demo" / "pos.sqlite"
    kept = tills.read_bytes()
    damaged = bytearray(kept)
    kind = rng.choice(("cut off", "no database", "noise"))
    if kind == "cut off":
        del damaged[len(damaged) // 3 :]
    elif kind == "no database":
        damaged[:100] = rng.randbytes(100)
    else:
        for place in range(4096, len(damaged), 4096):
            damaged[place : place + 64] = rng.randbytes(64)
    before = (home.path / "published" / "current").resolve()
    # The demo company looks after its own database; what is corrupted is what the run pulls from.
    try:
        tills.write_bytes(damaged)
        outcome = run(
            home,
            UNTIL="2",
            DEMO_FAULTS=",".join(f"{system}:{fault}" for system, fault in faults.items()),
            OMNIHOUSE_STALE_POLICY=",".join(f"{system}=block" for system in _SYSTEMS),
        )
    finally:
        tills.write_bytes(kept)
    expect(outcome, 1, *(() if "pos" not in outcome.said else ("pos",)))
    if (home.path / "published" / "current").resolve() != before:
        raise Harmed(f"a night with {faults} and a damaged till was published:\n{outcome.said[-3000:]}")
    return {**faults, "pos": kind}
