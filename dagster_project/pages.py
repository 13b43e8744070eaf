"""The pages of a publication: what `reports` draws of the release that is about to be published, in its folder.

Here: which pages there are, and what happens when one cannot be drawn. What is on a page is the business of `reports`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

import reports
from dagster_project import bookkeeping, dbt_docs, project, quarantine_shares, stream_charts
from dagster_project.config import House
from reports import Example

if TYPE_CHECKING:
    from dagster_project.night import Night

TABLES = "reports/tables.html"
# What lies outside the release is reached by links in it: the pages themselves are read through links.
QUALITY = "quality"
DBT_DOCS = "reports/dbt_docs.html"


def write(night: Night) -> dict[str, list[str]]:
    """Draw the pages of tonight's release; returns, by report, the findings that it shows.

    People would rather have the data without a page than wait for both: a page that cannot be drawn says so, is a
    problem of the night, and holds nothing back.
    """
    house = night.house
    folder = house.published / "releases" / night.run_id
    _link(folder / QUALITY, house.quality)
    if dbt_docs.place(house).exists():
        _link(folder / DBT_DOCS, dbt_docs.place(house))
    findings: dict[str, list[str]] = {}
    with ExitStack() as stack:
        files = (folder / "omnihouse.duckdb", folder / reports.RESTRICTED)
        published, restricted = (stack.enter_context(reports.opened(file, house.memory_limit)) for file in files)
        told = f"Publication {night.number} of run {night.run_id}, data to {night.as_of_date}."

        def report(of: reports.page.Report) -> str:
            figures = of.drawn(published)
            findings[of.name] = [figure.title for figure in figures]
            return reports.page.report(of, figures, told)

        drawn: dict[str, Callable[[], str]] = {
            **{_address(of): partial(report, of) for of in reports.NIGHTLY},
            TABLES: lambda: reports.table_reference([published, restricted], examples(house), told),
            "index.html": lambda: reports.front_page(published, list(_links(house))),
        }
        for name, draw in drawn.items():
            (folder / name).write_text(_drawn(night, name, draw), encoding="utf-8")
    return findings


def _drawn(night: Night, name: str, draw: Callable[[], str]) -> str:
    try:
        return draw()
    except (duckdb.Error, ValueError, TypeError, LookupError, ArithmeticError) as problem:
        night.problem("step", name, f"the page cannot be drawn: {type(problem).__name__}: {problem}")
        return reports.page.shell(name, "<h1>This page could not be drawn</h1><p>The run's record says why.</p>")


def _link(link: Path, to: Path) -> None:
    """A link that holds wherever the home is moved to."""
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(to, link.parent))


def _address(of: reports.page.Report) -> str:
    return f"reports/{of.name}.html"


def _links(house: House) -> Iterator[tuple[str, str, str]]:
    for of in reports.NIGHTLY:
        yield _address(of), of.title, of.question
    yield TABLES, "Tables", "every table and column, with a question that it answers"
    yield f"{QUALITY}/index.html", "Data Docs", "every check of the night and what it saw"
    yield f"{QUALITY}/{stream_charts.PAGE}", "Streams", "rows a day of every source, beside what is usual"
    if dbt_docs.place(house).exists():
        yield DBT_DOCS, "dbt docs", "how each table is made of others"


def told(house: House, findings: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """By report, what it found and where it lies, in Markdown, for who looks at the run."""
    for name, titles in findings.items():
        listed = "".join(f"- {title}\n" for title in titles)
        yield name, f"{listed}\n`{house.published / 'reports' / f'{name}.html'}`"


def examples(house: House) -> Mapping[str, Example]:
    """A question of every published table: those of the models' `meta`, and those of the tables that a run writes."""
    nodes = json.loads((project.target(house) / "manifest.json").read_text())["nodes"].values()
    asked = {f"{node['schema']}.{node['name']}": node["config"].get("meta", {}).get("example") for node in nodes}
    own = {**bookkeeping.EXAMPLES, quarantine_shares.TABLE: quarantine_shares.EXAMPLE}
    return {
        **{table: Example(**example) for table, example in asked.items() if example},
        **{f"ops.{table}": Example(*example) for table, example in own.items()},
    }
