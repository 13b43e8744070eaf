"""Which alerts were raised and which were sent: `runs/alerts.jsonl`, a line for each, on disk before the next step.

A line is written before a message goes out and another one after it: a process that dies in between repeats that one
message in the next run and loses none. A run that began and has no end died. Not here: what is worth an alert.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_project.alerting.causes import Alert, Cause

Key = tuple[str, str, str]


class Journal:
    """The journal of one home. Cheap to make; every question reads the file anew."""

    def __init__(self, runs: Path) -> None:
        self.file = runs / "alerts.jsonl"

    def begin(self, run_id: str, day: str) -> None:
        """Note that a run has begun."""
        self._append([{"event": "begun", "run_id": run_id, "day": day}])

    def end(self, run_ids: Sequence[str]) -> None:
        """Note that runs have ended, or that their death is told."""
        self._append([{"event": "ended", "run_id": run_id} for run_id in run_ids])

    def unfinished(self) -> dict[str, str]:
        """Runs that began and never ended: their business day by run id."""
        begun: dict[str, str] = {}
        for line in self._lines():
            if line["event"] == "begun":
                begun[line["run_id"]] = line["day"]
            elif line["event"] == "ended":
                begun.pop(line["run_id"], None)
        return begun

    def raised(self, alerts: Sequence[Alert], channels: Sequence[str]) -> None:
        """Note what has to be told by these channels; what was raised before for the same day is not repeated."""
        known = {_key(line) for line in self._lines() if line["event"] == "raised"}
        fresh = {alert.key: alert for alert in alerts if alert.key not in known}
        self._append(
            [
                {"event": "raised", "day": alert.day, "run_id": alert.run_id, "channels": list(channels)}
                | asdict(alert.cause)
                for alert in fresh.values()
            ]
        )

    def sent(self, channel: str, alerts: Sequence[Alert]) -> None:
        """Note that a channel took a message about these alerts."""
        self._append(
            [
                {"event": "sent", "channel": channel, "day": alert.day}
                | {"kind": alert.cause.kind, "where": alert.cause.where}
                for alert in alerts
            ]
        )

    def pending(self, channel: str) -> list[Alert]:
        """What the channel has not taken yet, the newest day first."""
        raised: dict[Key, Alert] = {}
        sent: set[Key] = set()
        for line in self._lines():
            if line["event"] == "raised" and channel in line["channels"]:
                cause = Cause(line["kind"], line["where"], line["what"], line["next_step"])
                raised[_key(line)] = Alert(line["day"], line["run_id"], cause)
            elif line["event"] == "sent" and line["channel"] == channel:
                sent.add(_key(line))
        waiting = [alert for key, alert in raised.items() if key not in sent]
        return sorted(waiting, key=lambda alert: alert.day, reverse=True)

    def _append(self, lines: Sequence[dict[str, Any]]) -> None:
        if not lines:
            return
        at = datetime.now(UTC).isoformat(timespec="seconds")
        text = "".join(json.dumps({**line, "at": at}, ensure_ascii=False) + "\n" for line in lines)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with open(self.file, "a+b") as handle:
            if handle.tell() and os.pread(handle.fileno(), 1, handle.tell() - 1) != b"\n":
                text = "\n" + text
            handle.write(text.encode())
            handle.flush()
            os.fsync(handle.fileno())

    def _lines(self) -> list[dict[str, Any]]:
        """Every line that was written whole; a torn one is an event that did not happen."""
        found = []
        for text in self.file.read_bytes().split(b"\n") if self.file.exists() else ():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and "event" in line:
                found.append(line)
        return found


def _key(line: dict[str, Any]) -> Key:
    return line["day"], line["kind"], line["where"]
