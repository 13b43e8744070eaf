"""What a run says at its end: the summary on the terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from dagster_project import release

if TYPE_CHECKING:
    from dagster_project.night import Night

_LAYERS = ("lake", "staging", "quarantine", "intermediate", "marts")


def closing(night: Night) -> str:
    """The summary of the contract: rows a layer, gates, quarantined rows, seconds a step, where to look."""
    passed = sum(1 for gate in night.gates if gate["success"])
    refused = [gate for gate in night.gates if not gate["success"] and gate["severity"] == "block"]
    warned = len(night.gates) - passed - len(refused)
    layers = " · ".join(f"{layer} {night.layers[layer]:,}" for layer in _LAYERS if layer in night.layers)
    steps = " · ".join(f"{step.name} {step.seconds:.1f}" for step in night.steps)
    lines = [
        "",
        _headline(night),
        f"  rows         {layers or 'none'}",
        f"  gates        {passed} passed, {len(refused)} refused, {warned} warned; "
        f"dbt tests {night.tests.get('pass', 0)} passed, {night.tests.get('fail', 0)} failed, "
        f"{night.tests.get('warn', 0)} warned",
        *textwrap.wrap(night.identity or "none", 110, initial_indent="  ids          ", subsequent_indent=" " * 15),
        f"  quarantined  {night.quarantined:,} rows" + ("; see ops.quarantine" if night.quarantined else ""),
        *textwrap.wrap(steps, 110, initial_indent="  seconds      ", subsequent_indent=" " * 15),
    ]
    if night.alerts:
        lines += textwrap.wrap(night.alerts, 110, initial_indent="  alerts       ", subsequent_indent=" " * 15)
    for rule in night.refused_rules:
        told = (
            f"! {rule['file']}, line {rule['line']}, {rule['rule'] or 'without a name'} is not used: {rule['reason']}"
        )
        lines += textwrap.wrap(told, 116, initial_indent="  ", subsequent_indent="    ")
    for problem in night.problems:
        lines += ["", *textwrap.wrap(f"{problem['where']}: {problem['text']}", 116, subsequent_indent="  ")]
    shown = release.current(night.house)
    lines += [
        "",
        f"  look at      {night.house.published / 'omnihouse.duckdb'}" if shown else "  nothing is published yet",
        f"  front page   {night.house.published / 'index.html'}" if shown else "",
        f"  data docs    {night.house.quality / 'index.html'}",
        f"  record       {night.house.runs / (night.run_id + '.json')}",
    ]
    return "\n".join(line for line in lines if line is not None)


def _headline(night: Night) -> str:
    name = f"Night {night.demo_night} of the demo company" if night.is_demo else f"Run {night.run_id}"
    took = f"{night.record()['seconds']:.0f} s"
    stale = [source for source, state in night.sources.items() if state["status"] in ("stale", "failed")]
    if night.published and stale:
        return f"{name} is published with stale data of {', '.join(sorted(stale))}, {took} (exit 1)"
    if night.published:
        return f"{name} is published, {took}"
    reason = "a gate refused it" if night.exit_code == 3 else "a step failed"
    return f"{name} is NOT published: {reason}, {took} (exit {night.exit_code}); readers keep the publication before"
