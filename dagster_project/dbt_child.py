"""dbt as a child process that ends with its parent, so that a killed run leaves nobody writing the warehouse."""

import ctypes
import signal
import sys
from importlib.metadata import version

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run dbt's command line; on Linux the kernel ends it when the parent is gone.

    Its version, which is asked for before each build, is told without a start of all of dbt.
    """
    if sys.argv[1:] == ["--version"]:
        print(version("dbt-core"))
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    from dbt.cli.main import cli

    cli()


if __name__ == "__main__":
    main()
