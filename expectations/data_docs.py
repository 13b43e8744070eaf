"""Data Docs: the results of a run as Great Expectations' static site, readable with no network.

Here belong the site, its two views and the swap into place. What was found belongs to the results, which are all that
a site is made from: they may come from this process or from a store.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.results import Result

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite, ExpectationValidationResult

TEMPLATES = Path(__file__).parent / "templates"
_OUTSIDE = re.compile(
    r"""(?:<(?:link|script|img|iframe)\b[^>]*?\b(?:href|src)=|url\()\s*["']?\s*(?:https?:)?//""", re.I
)
_VIEWS = "expectations.offline_views"
_SEVERITY = {"block": "critical", "quarantine": "warning", "warn": "info"}


def write_data_docs(results: Iterable[Result], folder: Path, run_id: str, as_of: datetime | str) -> Path:
    """Write the site of one run into `folder`, replacing what is there, and return its index page.

    The old site stays until the new one is complete, and gives way in two renames. Raises RuntimeError if a page is
    missing or asks for something outside the folder.
    """
    time = datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    grouped: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        key = (f"{result.table_schema}.{result.table_name}", result.load_id or "warehouse")
        grouped.setdefault(key, []).append(result)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}-*"):
        # Of a run that was killed while it wrote.
        shutil.rmtree(left, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        said = _build(grouped, fresh, run_id, time if time.tzinfo else time.replace(tzinfo=UTC))
        _check(fresh, pages=len(grouped), said=said)
        fresh.chmod(0o755)
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder / "index.html"


def _build(grouped: dict[tuple[str, str], list[Result]], site: Path, run_id: str, as_of: datetime) -> list[str]:
    """Write the pages into `site`, and return what the builder said of those that it gave up."""
    from great_expectations import __version__
    from great_expectations.core import ExpectationSuiteValidationResult, RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.render.renderer.site_builder import SiteBuilder

    from expectations.engine import new_context, quiet

    with quiet(), _complaints() as said:
        context = new_context()
        # A page tries to read the run's name as a time, and one that ends in -66ad5a as one with a zone of 66 hours:
        # it would take every page with it. With a word in front it is a name.
        run = RunIdentifier(run_name=f"run-{_path_part(run_id)}", run_time=as_of)
        suites: dict[str, ExpectationSuite] = {}
        for (table, load), found in grouped.items():
            validations = [_validation(result) for result in found]
            if table not in suites:
                suites[table] = _suite(table, validations)
                context.suites.add(suites[table])
            passed = sum(result.success for result in found)
            validation = ExpectationSuiteValidationResult(
                success=passed == len(found),
                results=validations,
                suite_name=table,
                statistics={
                    "evaluated_expectations": len(found),
                    "successful_expectations": passed,
                    "unsuccessful_expectations": len(found) - passed,
                    "success_percent": 100 * passed / len(found),
                },
                meta={
                    "great_expectations_version": __version__,
                    "run_id": run,
                    "batch_spec": {"data_asset_name": table, "load_id": load},
                },
            )
            key = ValidationResultIdentifier(
                expectation_suite_identifier=ExpectationSuiteIdentifier(name=table),
                run_id=run,
                batch_identifier=_path_part(load),
            )
            context.validation_results_store.set(key, validation)
        own = {name: {"module_name": _VIEWS, "class_name": name} for name in ("Page", "Index", "ResultsTable")}
        builder = SiteBuilder(
            data_context=context,
            site_name=f"run {run_id}",
            store_backend={"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
            show_how_to_buttons=False,
            site_index_builder={"class_name": "DefaultSiteIndexBuilder", "view": own["Index"]},
            site_section_builders={
                "expectations": {"view": own["Page"]},
                "validations": {
                    "view": own["Page"],
                    "renderer": {
                        "class_name": "ValidationResultsPageRenderer",
                        "column_section_renderer": {
                            "class_name": "ValidationResultsColumnSectionRenderer",
                            "table_renderer": own["ResultsTable"],
                        },
                    },
                },
                "profiling": "none",  # a null is not understood
            },
            runtime_environment={"root_directory": str(site)},
        )
        builder.build()
    shutil.rmtree(site / "static", ignore_errors=True)
    return said


@contextmanager
def _complaints() -> Iterator[list[str]]:
    # The site builder logs what it cannot render, with a traceback, and goes on.
    said: list[str] = []
    logger = logging.getLogger("great_expectations.render.renderer.site_builder")
    listener = logging.Handler()
    listener.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    level, propagate = logger.level, logger.propagate
    logger.addHandler(listener)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
        logger.propagate = propagate


def _validation(result: Result) -> ExpectationValidationResult:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    kwargs = {name: value for name, value in result.expected.items() if value is not None}
    seen: dict[str, Any] = {"observed_value": result.observed} if result.observed is not None else {}
    if result.element_count is not None:
        seen["element_count"] = result.element_count
    if result.unexpected_count is not None:
        share = 100 * result.unexpected_count / result.element_count if result.element_count else 0.0
        seen |= dict.fromkeys(
            ("unexpected_percent", "unexpected_percent_nonmissing", "unexpected_percent_total"), share
        )
        seen |= {"unexpected_count": result.unexpected_count, "partial_unexpected_list": []}
    rows = f" First at {', '.join(result.failing_rows)}." if result.failing_rows else ""
    return ExpectationValidationResult(
        success=result.success,
        expectation_config=ExpectationConfiguration(
            type=result.expectation,
            kwargs=kwargs,
            meta={"why": result.why + rows, "severity": result.severity},
            severity=_SEVERITY[result.severity],
        ),
        result=seen,
        exception_info={
            "raised_exception": result.error is not None,
            "exception_message": result.error,
            "exception_traceback": "",
        },
    )


def _suite(table: str, validations: list[ExpectationValidationResult]) -> ExpectationSuite:
    from great_expectations.core import ExpectationSuite
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    known = set(list_registered_expectation_implementations())
    suite = ExpectationSuite(name=table)
    for validation in validations:
        config = validation.expectation_config
        if config is None or config.type not in known:
            continue
        notes = {"notes": {"format": "string", "content": [config.meta["why"]]}}
        copy = type(config)(type=config.type, kwargs=dict(config.kwargs), meta=notes, severity=config.severity)
        try:
            suite.add_expectation_configuration(copy)
        except ValueError:
            # An expectation whose parameters stayed open has no suite page entry; its failure is on the results' page.
            continue
    return suite


def _path_part(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text) or "-"


def _check(site: Path, pages: int, said: list[str]) -> None:
    written = sorted((site / "validations").rglob("*.html"))
    if len(written) != pages or not (site / "index.html").is_file():
        why = said[0].rpartition("information follows:")[2].strip() if said else "It did not say why."
        raise RuntimeError(
            f"Data Docs in {site}: Great Expectations rendered {len(written)} of {pages} pages. Of the first that it "
            f"gave up it says: {why} Mend what the last line names, in expectations/, and run again."
        )
    for page in site.rglob("*.html"):
        if _OUTSIDE.search(page.read_text(encoding="utf-8")):
            raise RuntimeError(
                f"Data Docs: {page.relative_to(site)} asks for something outside the site and would not open offline. "
                "Replace the template it comes from in expectations/templates."
            )


def _swap(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        os.replace(fresh, folder)
        return
    # A folder that is not empty cannot be replaced in one rename: the old one steps aside first.
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    os.replace(folder, old / "site")
    try:
        os.replace(fresh, folder)
    except OSError:
        os.replace(old / "site", folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
