"""One run at a time in a home, across processes; the operating system lets go of the lock when a process dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class AlreadyRunning(Exception):
    """Another process runs in this home."""


class HomeLock:
    """Held from a run's first step to its last."""

    def __init__(self, home: Path) -> None:
        self._file = home / "run.lock"
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock at once or raise `AlreadyRunning` with the process that holds it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 100, 0).decode(errors="replace").strip()
            os.close(handle)
            raise AlreadyRunning(
                f"A run is already going on in {self._file.parent} ({holder or 'another process'}). "
                "Wait until it ends; nothing was changed."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}".encode(), 0)
        self._handle = handle

    def probe(self) -> None:
        """Raise `AlreadyRunning` when somebody holds the lock; take nothing."""
        self.acquire()
        self.release()

    def release(self) -> None:
        """Let go; harmless when the lock is not held."""
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None
