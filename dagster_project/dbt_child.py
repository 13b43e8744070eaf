"""dbt as a child process that ends with its parent, so that a killed run leaves nobody writing the warehouse."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run dbt's command line; on Linux the kernel ends it when the parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    from dbt.cli.main import cli

    cli()


if __name__ == "__main__":
    main()
