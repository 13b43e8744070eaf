"""`python -m dagster_project`: the command line behind `make run`, `make rebuild` and their like."""

from dagster_project.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
