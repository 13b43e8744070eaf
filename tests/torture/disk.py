"""A disk that fills up in the middle of a night, and folders that may not be written.

The home lies on a file system of its own (a tmpfs of a given size) with so little room left that the night ends early,
each time in another stage. The run has to say so in words, readers keep what they had, and the same night with room
again publishes what the undisturbed home published.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tests.torture.homes import (
    Harmed,
    Outcome,
    Twin,
    can_mount,
    expect,
    expect_intact,
    expect_nobody,
    read_only,
    run,
    same,
    state,
)

# Room in megabytes: what a night of the small company needs is about ten times the largest.
ROOM = (0, 1, 2, 4, 6, 9, 12, 16, 20, 26)
FOLDERS = ("lake", "runs", "published", "dbt", "dagster", "quality", "spill")
# What SQLite says of it, and what is said of a folder that is to be renamed and is a mount of its own here.
_DENIED = ("Read-only", "read-only", "readonly", "unable to open", "resource busy")
_FULL = ("No space left", "no space left", "disk is full", "Disk is full", "disk I/O error")


def full(twin: Twin, room: Sequence[int] = ROOM) -> dict[str, Any]:
    """The second night with so much room left, one size after the other; returns where each run ended."""
    if not can_mount():
        return {"skipped": "this user may not mount a file system"}
    ended: dict[str, str] = {}
    for megabytes in room:
        with twin.stage.on_small_disk("after1", megabytes) as free:
            home = twin.stage.home
            before = state(home)
            outcome = run(home, UNTIL="2")
            expect_nobody(home)
            expect_intact(home)
            name = f"{megabytes} MB"
            if outcome.code == 0:
                ended[name] = "there was room enough"
            else:
                ended[name] = said_of_a_full_disk(outcome)
                same(before, state(home), f"what readers had before the disk was full with {name} left")
                free()
                expect(run(home, UNTIL="2"), 0)
            same(twin.states[2], state(home), f"the night after {name} were left")
        twin.stage.say(f"disk: {name} left: {ended[name]}")
    return {"runs": len(ended), "ended": ended, "by": "tmpfs"}


def denied(twin: Twin, folders: Sequence[str] = FOLDERS) -> dict[str, Any]:
    """The second night with one folder of the home read-only after the other, then with none."""
    if not can_mount():
        return {"skipped": "this user may not mount a file system"}
    home = twin.stage.lay_out("after1")
    before = state(home)
    ended: dict[str, str] = {}
    for name in folders:
        with read_only(home.path / name):
            outcome = run(home, UNTIL="2")
        expect_nobody(home)
        expect_intact(home)
        if outcome.code == 0:
            ended[name] = "nothing had to be written there"
            home = twin.stage.lay_out("after1")
        else:
            ended[name] = _in_words(outcome, _DENIED)
            same(before, state(home), f"what readers had before {name} was denied")
        twin.stage.say(f"denied: {name}: {ended[name]}")
    expect(run(home, UNTIL="2"), 0)
    same(twin.states[2], state(home), "the night after folders were denied")
    return {"runs": len(ended), "ended": ended}


def said_of_a_full_disk(outcome: Outcome) -> str:
    """Where a run ended; raises `Harmed` unless it says that the disk is full, and ends with 1."""
    return _in_words(outcome, _FULL)


def _in_words(outcome: Outcome, words: Sequence[str]) -> str:
    """The last step that the run told of."""
    # 2 where the home cannot even be entered: that is said before anything is tried.
    expect(outcome, outcome.code if outcome.code in (1, 2) else 1)
    if not any(word in " ".join(outcome.said.split()) for word in words):
        raise Harmed(f"none of {words} was said:\n{outcome.said[-4000:]}")
    lines = [line.strip() for line in outcome.said.splitlines() if re.search(r"\d\.\d s( |$)", line)]
    failed = next((line for line in lines if line.startswith("✗")), lines[-1] if lines else "before the first step")
    return " ".join(failed.split()[:4])
