"""A command of the project that is killed, with all it started, just before one step it takes on the file system.

`python -m tests.torture.exact EVENT PATTERN NUMBER COMMAND…`: Python tells of each step before it is taken (its audit
events, such as `open`, `os.rename`, `os.mkdir`); the NUMBER-th whose path fits PATTERN is the last.
"""

from __future__ import annotations

import os
import re
import runpy
import signal
import sys
from typing import Any


def watch(event: str, pattern: str, number: int) -> None:
    """Kill the session before the NUMBER-th such event."""
    wanted, left = re.compile(pattern), [number]

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        if name != event or not arguments:
            return
        # Of a rename, both names; of an opened file, whether it is for writing.
        told = " ".join(str(one) for one in arguments[:2] if one is not None)
        if wanted.search(told):
            left[0] -= 1
            if left[0] == 0:
                os.killpg(os.getpgrp(), signal.SIGKILL)

    sys.addaudithook(hook)


def main() -> None:
    """Run the command under watch."""
    event, pattern, number, *command = sys.argv[1:]
    watch(event, pattern, int(number))
    sys.argv = ["dagster_project", *command]
    runpy.run_module("dagster_project", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
