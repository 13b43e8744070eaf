"""dbt's own documentation of a home's project as one page that needs no network: how each table is made of others.

Written by `make dbt-docs` and not each night, which would pay seconds for what changes with the models; the front page
of the nights after leads to it.
"""

from __future__ import annotations

from pathlib import Path

from dagster_project import project
from dagster_project.config import ConfigurationError, House
from dagster_project.lock import HomeLock

# The page would load dbt's tracker from its maker's server.
_TRACKER = "//d1fc8wv8zag5ca.cloudfront.net/2.9.0/sp.js"


def place(house: House) -> Path:
    """Where the page lies."""
    return house.dbt_work / "docs.html"


def write(house: House) -> Path:
    """Write the page from the models as they are and the warehouse as the last run left it; returns where."""
    if not house.warehouse.exists():
        raise ConfigurationError(f"{house.warehouse} is not there yet: the documentation tells its columns. Run first.")
    lock = HomeLock(house.home)
    lock.acquire()
    try:
        project.manifest(house)
        made = project.run_dbt(house, "docs", "generate", "--static", "--no-compile")
        if made.returncode:
            raise ConfigurationError(
                f"dbt cannot write its documentation: {(made.stdout + made.stderr).strip()[-1500:]}"
            )
        page = (project.target(house) / "static_index.html").read_text(encoding="utf-8")
        fresh = place(house).with_suffix(".new")
        fresh.write_text(page.replace(_TRACKER, "data:,"), encoding="utf-8")
        fresh.replace(place(house))
        (project.target(house) / "static_index.html").unlink()
    finally:
        lock.release()
    return place(house)
