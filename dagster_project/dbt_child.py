"""dbt as a child process that ends with its parent, so that a killed run leaves nobody writing the warehouse."""

import ctypes
import os
import signal
import sys
from importlib.metadata import version

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
    from dbt.cli.main import cli

    cli()


if __name__ == "__main__":
    main()
