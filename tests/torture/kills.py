"""SIGKILLs at random moments of a night and just before the steps that must not be taken by halves.

Moments are drawn evenly over the processor time that a night takes, which on a busy machine says more than the clock.
After each kill: nothing that the run started goes on, and readers have a whole publication. The night is begun again
until it is published, and then has to be what the undisturbed home published. A kill that came too late waits for a
later night; the figures name steps that never came.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.integration.conftest import Home
from tests.torture.homes import (
    Harmed,
    Running,
    Twin,
    cpu_seconds,
    expect,
    expect_intact,
    expect_nobody,
    run,
    same,
    state,
)

# What is killed just before it, in the order of the night. Those of the pull come only while something is left to pull,
# those after the rename only when the night is published.
STEPS_OF_THE_PULL = (
    ("a raw file is written", ("open", r"/lake/raw_\w+/\w+/.* [wx]b?$", 2)),
    ("a load is completed", ("open", r"/_dlt_loads/.* w", 1)),
    ("the first load is admitted", ("open", r"/lake/_ledger/.* ab?$", 1)),
    ("the third load is admitted", ("open", r"/lake/_ledger/.* ab?$", 3)),
)
STEPS = (
    ("the rules are laid out", ("os.rename", r"/seeds\.new", 1)),
    *STEPS_OF_THE_PULL,
    ("dbt starts", ("subprocess.Popen", r"omnihouse-dbt.*'build'", 1)),
    ("column lineage is noted", ("os.rename", r"/dbt/column_lineage", 1)),
    ("a gate's page is written", ("open", r"/quality/.* w", 1)),
    ("the release's folder is made", ("os.mkdir", r"/releases/[^/]+", 1)),
    ("a table is copied", ("os.mkdir", r"/parquet/marts\.orders", 1)),
    ("the first decision is kept", ("os.rename", r"/_decisions/", 1)),
    ("a later decision is kept", ("os.rename", r"/_decisions/", 5)),
    ("the front page is written", ("open", r"/releases/[^/]+/index\.html w", 1)),
    ("the manifest is written", ("open", r"/releases/[^/]+/manifest\.json w", 1)),
    ("the release is made read-only", ("os.chmod", r"/releases/", 20)),
    ("the new link is made", ("os.symlink", r"/current\.new", 1)),
    ("the release is made current", ("os.rename", r"/published/current\.new", 1)),
)
STEPS_AFTER = (
    ("the publication is listed", ("open", r"/publications\.jsonl (r\+|w)b?$", 1)),
    ("an old release is removed", ("os.rename", r"/releases/.*\.removed", 1)),
    ("the run's record is written", ("open", r"/runs/[^/]+\.tmp w", 1)),
    ("the run's record is kept", ("os.rename", r"/runs/[^/]+\.tmp", 1)),
)


# In so many nights a step may be waited for.
_TRIED = 3
# Shares of a night's usual processor time: what a night that another began takes at least, before the steps at its end,
# and what dbt takes of it.
_REACHED, _OF_DBT = 0.8, 0.3
# Moments so late in a night that it may be over before them.
_LATE = 0.7


@dataclass(frozen=True)
class Kill:
    """One kill: before a step, or at a share of the night's usual processor time."""

    name: str
    before: tuple[str, str, int] | None = None
    share: float = 0.0
    # The run and all it started; the run alone; or only the dbt that it started.
    whom: str = "all"


def plan(rng: random.Random, count: int) -> Iterator[Kill]:
    """Kills in random order: three in five at random moments, the others before each of the steps in turn."""
    steps = list(STEPS)
    rng.shuffle(steps)
    for number in range(count):
        if number % 5 in (1, 3):
            name, before = steps[(number // 5 * 2 + (number % 5) // 2) % len(steps)]
            yield Kill(f"before {name}", before)
        else:
            whom = rng.choice(("all", "all", "all", "alone", "dbt"))
            yield Kill(f"at random: {whom}", share=rng.random(), whom=whom)


def torture(
    twin: Twin, home: Home, nights: int, count: int, rng: random.Random, until: float = float("inf")
) -> dict[str, Any]:
    """Nights 2 and on in a home that had its first, with `count` kills spread over them; returns what was done.

    Ends early, with the night it is in, when the clock (`time.monotonic`) says `until`.
    """
    waiting = deque(plan(rng, count))
    done: Counter[str] = Counter()
    late: Counter[str] = Counter()
    never: set[str] = set()
    last, rows = 1, 0
    for night in range(2, nights + 2):
        if time.monotonic() > until:
            break
        due = -(-len(waiting) // (nights + 2 - night))
        tonight = _in_order((waiting.popleft() for _ in range(due)), rng)
        begun, before = time.monotonic(), done.total()
        while tonight and time.monotonic() < until:
            if one(twin, home, tonight[0], night):
                done[tonight.pop(0).name] += 1
                continue
            # The night was over before, so it is published.
            late[tonight[0].name] += 1
            if tonight[0].before is None:
                tonight[0] = replace(tonight[0], share=tonight[0].share * 0.8)
            elif late[tonight[0].name] > _TRIED:
                never.add(tonight.pop(0).name)
            waiting.extend(tonight)
            break
        name, event = STEPS_AFTER[night % len(STEPS_AFTER)]
        if count > 1 and one(twin, home, Kill(f"before {name}", event), night):
            done[f"before {name}"] += 1
        # The night as a person would ask for it, whatever is published of it already.
        expect(run(home, UNTIL=str(night)), 0)
        same(twin.states[night], state(home), f"night {night} after {done.total() - before} kills")
        _expect_records(home, night)
        last = night
        rows += sum(map(len, twin.states[night].values()))
        twin.stage.say(f"kills: night {night}, {done.total()} kills so far, {time.monotonic() - begun:.0f} s")
    expect(run(home, "verify"), 0, "are whole")
    return {
        "kills": done.total(),
        "nights": last - 1,
        "rows_compared": rows,
        "late": late.total(),
        "never_came": sorted(never - done.keys()),
        "kinds": dict(sorted(done.items())),
    }


def _in_order(kills: Iterable[Kill], rng: random.Random) -> list[Kill]:
    """One night's: steps of the pull first, with half of the early moments among them, then dbt's; late moments last.

    What a run has pulled or built before it was killed no later one does again; a night that is over cannot be killed.
    """
    pull = {f"before {name}": place for place, (name, _) in enumerate(STEPS_OF_THE_PULL)}

    def place(kill: Kill) -> float:
        if kill.before:
            return 0.2 + pull[kill.name] / 100 if kill.name in pull else 1 + rng.random()
        if kill.whom == "dbt":
            return 0.5 + kill.share / 2
        if kill.share > _LATE:
            return 2 + kill.share
        return kill.share if kill.share < 0.3 and rng.random() < 0.5 else 1 + rng.random()

    return sorted(kills, key=place)


def one(twin: Twin, home: Home, kill: Kill, night: int) -> bool:
    """Begin the night and kill it; False where it ended before it could be killed."""
    running = Running(home, ("run",), {"UNTIL": str(night)}, kill.before)
    if kill.before is None:
        moment = kill.share * _REACHED * twin.usual_cpu_seconds
        if kill.whom == "dbt":
            while not running.is_over and (child := running.dbt()) is None:
                time.sleep(0.02)
            of_dbt = kill.share * _OF_DBT * twin.usual_cpu_seconds
            while not running.is_over and child is not None and cpu_seconds(child) < of_dbt:
                time.sleep(0.02)
            if not running.is_over and child is not None and child.is_running():
                child.kill()
                outcome = running.wait()
                expect_intact(home)
                if outcome.code == 1:
                    expect(outcome, 1, "dbt")
                    return True
                return False
        else:
            while not running.is_over and running.cpu_seconds() < moment:
                time.sleep(0.02)
            if not running.is_over:
                running.kill(alone=kill.whom == "alone")
    outcome = running.wait()
    expect_nobody(home)
    expect_intact(home)
    if outcome.code is None:
        return True
    if outcome.code != 0:
        raise Harmed(f"a night that was to be killed {kill.name} ended with {outcome.code}:\n{outcome.said[-3000:]}")
    return False


def _expect_records(home: Home, night: int) -> None:
    """Each night is published once, in order; the list of publications and `ops.runs` say so."""
    nights = [
        line.split('"demo_night": ')[1].split(",")[0]
        for line in (home.path / "lake" / "_decisions" / "publications.jsonl").read_text().splitlines()
    ]
    if nights != [str(number) for number in range(1, night + 1)]:
        raise Harmed(f"the list of publications holds the nights {nights}, and {night} were run")
    if (told := home.query("select count(*) from ops.runs where published")) != [(night,)]:
        raise Harmed(f"ops.runs tells of {told} publications, and {night} were made")
