"""dbt as a child process that ends with its parent, so that a killed run leaves nobody writing the warehouse.

Here also: what dbt does for each of its nodes and nobody reads, left out (docs/decisions/0005-one-process.md).
"""

import ctypes
import os
import signal
import sys
from importlib.metadata import version
from typing import Any

from dagster_project.garbage import collect_seldom

_PR_SET_PDEATHSIG = 1
# The run's process, as it tells its child.
PARENT = "OMNIHOUSE_RUN_PROCESS"


def main() -> None:
    """Run dbt's command line; on Linux the kernel ends it when the parent is gone.

    Its version, which is asked for before each build, is told without a start of all of dbt.
    """
    if sys.argv[1:] == ["--version"]:
        print(version("dbt-core"))
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may be gone already, before the kernel was asked.
        if os.environ.get(PARENT, str(os.getppid())) != str(os.getppid()):
            sys.exit("The run that started this dbt is gone.")
    collect_seldom()
    from dbt.cli.main import cli

    leave_out_unread_events()
    cli()


def leave_out_unread_events() -> None:
    """Make no message of an event that is for debugging, as long as no logger is at that level.

    dbt makes some forty of them a node into protobuf and JSON before its logger drops them, a fifth of a build.
    """
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    unread = (EventLevel.DEBUG, EventLevel.TEST)
    make, fire = BaseEvent.__init__, EventManager.fire_event

    def keep(self: BaseEvent, *arguments: Any, **fields: Any) -> None:
        object.__setattr__(self, "_given", (arguments, fields))

    def read(self: BaseEvent, key: str) -> Any:
        if key != "pb_msg":
            return getattr(self.pb_msg, key)
        arguments, fields = object.__getattribute__(self, "_given")
        make(self, *arguments, **fields)
        return object.__getattribute__(self, "pb_msg")

    def fire_if_read(
        self: EventManager, e: BaseEvent, level: EventLevel | None = None, *others: Any, **named: Any
    ) -> None:
        if (level or e.level_tag()) not in unread or any(logger.level in unread for logger in self.loggers):
            fire(self, e, level, *others, **named)

    BaseEvent.__init__, BaseEvent.__getattr__ = keep, read  # type: ignore[method-assign]
    EventManager.fire_event = fire_if_read  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
