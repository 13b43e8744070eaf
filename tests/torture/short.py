"""Every kind of trouble once, in two nights beside the twin's two: the form that `make test` has time for."""

from __future__ import annotations

import random
from typing import Any

from tests.torture import damage, fuzz, kills
from tests.torture.disk import said_of_a_full_disk
from tests.torture.homes import Twin, can_mount, expect, expect_intact, expect_nobody, run, same, state
from tests.torture.reader import reading

# The disk is full while dbt builds, or before.
_ROOM = (1, 3, 5, 8)
INPUTS = 60


def trouble(twin: Twin, rng: random.Random) -> dict[str, Any]:
    """One night that meets a full disk, damaged files and kills, one after the other, with readers all along.

    The warehouse is among what is damaged, so the night ends with one that is built from the lake: the same rows as two
    nights one after the other.
    """
    figures: dict[str, Any] = {}
    home = twin.stage.home
    room = rng.choice(_ROOM)
    if can_mount():
        with twin.stage.on_small_disk("after1", room) as free:
            before = state(home)
            figures[f"{room} MB left"] = said_of_a_full_disk(run(home, UNTIL="2"))
            expect_nobody(home)
            expect_intact(home)
            same(before, state(home), f"what readers had before the disk was full with {room} MB left")
            free()
            figures |= _on(twin, rng)
    else:
        twin.stage.lay_out("after1")
        figures |= _on(twin, rng)
    return figures


def _on(twin: Twin, rng: random.Random) -> dict[str, Any]:
    home = twin.stage.home
    damages = damage.one_of_each(rng)
    for _, harm in damages:
        harm(rng, home)
    killed = []
    steps = [kills.Kill("at random", share=rng.uniform(0.3, 0.9), whom=rng.choice(("all", "alone")))]
    steps += [kills.Kill(f"before {name}", before) for name, before in (kills.STEPS[-1], rng.choice(kills.STEPS_AFTER))]
    with reading(home) as readers:
        for kill in steps:
            if kills.one(twin, home, kill, 2):
                killed.append(kill.name)
        expect(run(home, UNTIL="2"), 0)
    same(twin.states[2], state(home), f"the night after {[name for name, _ in damages]} and {killed}")
    expect(run(home, "verify"), 0, "are whole")
    return {"damages": len(damages), "kills": killed, "readers": readers}


def inputs(twin: Twin, rng: random.Random) -> dict[str, Any]:
    """The corrupted inputs of the full form, but for those of systems that are pulled."""
    return fuzz.torture(twin, twin.stage.lay_out("after1"), INPUTS, rng, systems=False)
