"""`make torture HOURS=n`: every part at the size that the time allows; the last line is one JSON object.

The full form takes about four hours on two quiet cores; with fewer hours all parts shrink alike. Ends with 1 where
something was harmed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.torture import damage, disk, fuzz, kills, nights, short
from tests.torture.homes import Stage, Twin
from tests.torture.reader import reading

FULL_HOURS = 4.0
NIGHTS, KILLS, INPUTS = 30, 200, 60


def main() -> int:
    """Run the parts one after the other; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--hours", type=float, default=float(os.environ.get("HOURS") or FULL_HOURS))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TORTURE_SEED") or 1))
    parser.add_argument("--parts", default="", help="some of nights, fuzz, damage, told, disk, denied, kills")
    parser.add_argument("--nights", type=int, help="instead of the number that fits the hours")
    parser.add_argument("--kills", type=int, help="likewise")
    parser.add_argument("--folder", type=Path, help="where the homes are laid out; kept, and its twin used again")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="torture-"))
    begun = time.monotonic()
    print(f"seed {asked.seed}, {asked.hours:g} h, in {folder}", flush=True)
    figures: dict[str, Any] = {"seed": asked.seed, "hours": asked.hours}
    try:
        torture(asked, folder, figures)
    finally:
        if not asked.folder:
            shutil.rmtree(folder, ignore_errors=True)
    figures["minutes"] = round((time.monotonic() - begun) / 60, 1)
    print(json.dumps(figures, default=str, ensure_ascii=False))
    return 1 if "harmed" in figures else 0


def torture(asked: argparse.Namespace, folder: Path, figures: dict[str, Any]) -> None:
    """The twin's nights, then each part; notes figures, and what was harmed, as they come."""
    share = min(1.0, asked.hours / FULL_HOURS)
    until = time.monotonic() + asked.hours * 3600
    twin = Twin(Stage(folder, lambda text: print(text, flush=True)))
    total = asked.nights or max(3, round(NIGHTS * share))
    count = asked.kills or max(6, round(KILLS * share))
    twin.found()
    with reading(twin.stage.home) as figures["readers of the nights"]:
        twin.live(total)

    def kill(rng: random.Random) -> dict[str, Any]:
        home = twin.stage.lay_out("after1")
        with reading(home) as figures["readers of the kills"]:
            return kills.torture(twin, home, total - 1, count, rng, until)

    parts: dict[str, Callable[[random.Random], dict[str, Any]]] = {
        "fuzz": lambda rng: fuzz.torture(twin, twin.stage.lay_out("after1"), INPUTS, rng, systems=True),
        "trouble": lambda rng: short.trouble(twin, rng),
        "told": lambda rng: damage.told(twin, rng),
        "denied": lambda rng: disk.denied(twin, _some(disk.FOLDERS, share)),
        "disk": lambda rng: disk.full(twin, _some(disk.ROOM, share)),
        "damage": lambda rng: damage.mended(twin, rng, max(1, round(len(damage.MENDED) * share))),
        "nights": lambda rng: nights.equal_a_rebuild(twin),
        "kills": kill,
    }
    for name in filter(None, asked.parts.split(",")) if asked.parts else parts:
        # Each part draws from a generator of its own, so that one can be repeated alone.
        try:
            figures[name] = parts[name](random.Random(asked.seed + zlib.crc32(name.encode())))
        # Whatever it is that goes wrong: the other parts are tried all the same.
        except Exception as harm:
            figures[name] = {"harmed": f"{type(harm).__name__}: {harm}"[:1000]}
            figures.setdefault("harmed", []).append(name)
            traceback.print_exception(harm)
        print(f"{name}: {json.dumps(figures[name], default=str, ensure_ascii=False)}", flush=True)


def _some(sizes: tuple[Any, ...], share: float) -> tuple[Any, ...]:
    """Evenly spread ones, as many as fit the share of the time."""
    number = max(1, round(len(sizes) * share))
    return tuple(sizes[place * len(sizes) // number] for place in range(number))


if __name__ == "__main__":
    raise SystemExit(main())
