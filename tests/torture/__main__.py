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
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.torture import kills, nights
from tests.torture.homes import Harmed, Stage, Twin
from tests.torture.reader import reading

FULL_HOURS = 4.0
PARTS = ("nights", "kills")


def main() -> int:
    """Run the parts one after the other; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--hours", type=float, default=float(os.environ.get("HOURS") or FULL_HOURS))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TORTURE_SEED") or 1))
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--nights", type=int, help="instead of the number that fits the hours")
    parser.add_argument("--kills", type=int, help="likewise")
    parser.add_argument("--folder", type=Path, help="where the homes are laid out; kept afterwards")
    asked = parser.parse_args()
    share = min(1.0, asked.hours / FULL_HOURS)
    begun = time.monotonic()
    until = begun + asked.hours * 3600
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="torture-"))
    total = asked.nights or max(3, round(30 * share))
    figures: dict[str, Any] = {"seed": asked.seed, "hours": asked.hours}
    print(f"seed {asked.seed}, {asked.hours:g} h, in {folder}", flush=True)
    problem = ""
    try:
        stage = Stage(folder, lambda text: print(text, flush=True))
        twin = Twin(stage)
        twin.found()
        with reading(stage.home) as figures["reader_of_the_nights"]:
            twin.live(total)
        for part in asked.parts.split(","):
            if part == "nights":
                figures["nights"] = nights.equal_a_rebuild(twin)
            elif part == "kills":
                wanted = asked.kills or max(8, round(200 * share))
                home = stage.lay_out("after1")
                with reading(home) as figures["reader_of_the_kills"]:
                    figures["kills"] = kills.torture(
                        twin, home, total - 1, wanted, random.Random(asked.seed), until - 600
                    )
            print(f"{part}: {json.dumps(figures.get(part))}", flush=True)
    except Harmed as harm:
        problem = str(harm)
        print(problem, file=sys.stderr)
    finally:
        if not asked.folder:
            shutil.rmtree(folder, ignore_errors=True)
    figures |= {"minutes": round((time.monotonic() - begun) / 60, 1), "harmed": problem[:500]}
    print(json.dumps(figures, default=str))
    return 1 if problem else 0


if __name__ == "__main__":
    raise SystemExit(main())
