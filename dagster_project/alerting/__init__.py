"""Tells people of a run that failed, a gate that refused, a stale source, too many rows in quarantine, an anomaly.

Public: check, begin, end, died, refused_start, Cause. Each cause is told once per business day and channel; what a
channel does not take is told by the next run. Nothing that goes wrong here changes what a run does or how it ends.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dagster_project.alerting import causes
from dagster_project.alerting.causes import Alert, Cause
from dagster_project.alerting.journal import Journal
from dagster_project.alerting.messages import Message
from dagster_project.alerting.settings import Channels
from dagster_project.alerting.settings import read as read_settings

if TYPE_CHECKING:
    from dagster_project.config import House
    from dagster_project.night import Night

__all__ = ["Cause", "begin", "check", "died", "end", "refused_start"]

# Chat products take some 20 messages a minute; what a run has beyond this goes out as one.
_SINGLE_MESSAGES = 10
_PATIENCE_SECONDS = 40.0
_CALLED = {"webhook": "webhook", "email": "e-mail"}


def check(house: House) -> None:
    """Raise `ConfigurationError` for the first wrong setting."""
    read_settings(house.alerts)


def begin(night: Night) -> None:
    """Note that the run has begun, and tell of earlier ones that never ended."""
    if not night.house.alerts:
        return
    try:
        journal, channels = Journal(night.house.runs), read_settings(night.house.alerts)
        dead = journal.unfinished()
        alerts = [Alert(day, run_id, causes.died(run_id, day)) for run_id, day in dead.items()]
        journal.raised(alerts, channels.names)
        journal.end(list(dead))
        journal.begin(night.run_id, night.as_of_date.isoformat())
        if dead:
            print(_deliver(night.house, journal, channels, []), flush=True)
    except Exception as problem:
        print(f"! alerts: {type(problem).__name__}", flush=True)


def end(night: Night) -> str:
    """Tell of a run that ends now, and what earlier ones could not be told of; returns the summary's words."""
    if not night.house.alerts:
        return ""
    try:
        journal, channels = Journal(night.house.runs), read_settings(night.house.alerts)
        day = night.as_of_date.isoformat()
        alerts = [Alert(day, night.run_id, cause) for cause in causes.of_night(night)]
        told = _tell(night.house, journal, channels, alerts)
        with suppress(OSError):
            journal.end([night.run_id])
        return told
    except Exception as problem:
        return f"not sent: {type(problem).__name__}"


def refused_start(house: House) -> None:
    """Tell that settings or rules keep a run from starting; what is wrong with alerts themselves cannot be told."""
    _tell_at_once(house, "none", causes.refused_start())


def died(house: House, run_id: str) -> None:
    """Tell of a run that ends now without a record."""
    _tell_at_once(house, run_id, causes.cut_short(run_id))


def _tell_at_once(house: House, run_id: str, cause: Cause) -> None:
    if not house.alerts:
        return
    try:
        day = house.last_day(house.as_of or datetime.now(UTC)).isoformat()
        alert = Alert(day, run_id, cause)
        print(f"alerts: {_tell(house, Journal(house.runs), read_settings(house.alerts), [alert])}", flush=True)
    except Exception as problem:
        print(f"! alerts: {type(problem).__name__}", flush=True)


def _tell(house: House, journal: Journal, channels: Channels, alerts: Sequence[Alert]) -> str:
    try:
        journal.raised(alerts, channels.names)
        unnoted: Sequence[Alert] = []
    except OSError:
        # A full disk is itself a cause: told now, at the price of being told again.
        unnoted = alerts
    return _deliver(house, journal, channels, unnoted)


def _deliver(house: House, journal: Journal, channels: Channels, unnoted: Sequence[Alert]) -> str:
    """Send what is pending, every channel side by side, no longer than patience lasts; says what came of it."""
    from dagster_project.alerting.channels import NotSent, mail, post

    senders: dict[str, Callable[[Sequence[Message], Callable[[Message], None]], None]] = {}
    if channels.webhook:
        senders["webhook"] = partial(post, channels.webhook)
    if channels.email:
        senders["email"] = partial(mail, channels.email)
    outcomes: queue.Queue[tuple[str, Message | None, str]] = queue.Queue()

    def work(name: str, waiting: Sequence[Message]) -> None:
        try:
            senders[name](waiting, lambda message: outcomes.put((name, message, "")))
            outcomes.put((name, None, ""))
        except NotSent as problem:
            outcomes.put((name, None, str(problem)))
        except Exception as problem:
            outcomes.put((name, None, type(problem).__name__))

    waiting = {name: _messages(house, [*unnoted, *journal.pending(name)]) for name in senders}
    going = {name for name, listed in waiting.items() if listed}
    for name in going:
        threading.Thread(target=work, args=(name, waiting[name]), daemon=True).start()
    taken, reasons = dict.fromkeys(waiting, 0), dict.fromkeys(going, "no answer in time")
    patience = time.monotonic() + _PATIENCE_SECONDS
    while going and (left := patience - time.monotonic()) > 0:
        try:
            name, message, reason = outcomes.get(timeout=left)
        except queue.Empty:
            break
        if message is None:
            going.discard(name)
            reasons[name] = reason
        else:
            taken[name] += 1
            try:
                journal.sent(name, message.alerts)
            except OSError:
                reasons[name] = "what was sent could not be noted"
    parts = []
    for name, listed in waiting.items():
        if listed:
            parts.append(f"{taken[name]} sent by {_CALLED[name]}")
            if left_over := len(listed) - taken[name]:
                parts.append(f"{left_over} NOT sent by {_CALLED[name]} ({reasons[name]}), tried again by the next run")
    return ", ".join(parts) or "nothing to tell"


def _messages(house: House, alerts: Sequence[Alert]) -> list[Message]:
    """One message an alert, in order; beyond a number, one for all that are left."""
    home = house.home.name
    if len(alerts) <= _SINGLE_MESSAGES:
        return [Message(home, (alert,)) for alert in alerts]
    single = [Message(home, (alert,)) for alert in alerts[: _SINGLE_MESSAGES - 1]]
    return [*single, Message(home, tuple(alerts[_SINGLE_MESSAGES - 1 :]))]
