"""Nights one after the other, and the same home built anew from its lake and decisions."""

from __future__ import annotations

from typing import Any

from tests.torture.homes import Twin, expect, run, same, state


def equal_a_rebuild(twin: Twin) -> dict[str, Any]:
    """Throw the warehouse away after the last night; the rebuild has to publish the same rows."""
    last = max(twin.states)
    home = twin.stage.lay_out(f"after{last}")
    expect(run(home, "rebuild"), 0)
    same(twin.states[last], state(home), f"a rebuild after {last} nights")
    return {"nights": last, "tables": len(twin.states[last]), "rows": sum(map(len, twin.states[last].values()))}
