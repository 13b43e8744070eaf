"""How Data Docs look: Great Expectations' own views with this package's templates first, and its table of results.

Only rendering belongs here; which pages there are belongs to data_docs.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from great_expectations.render.renderer.content_block import ValidationResultsTableContentBlockRenderer
from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader

from expectations.data_docs import TEMPLATES


def _offline_first(view: Any) -> None:
    # Great Expectations looks into a project's own templates last, so they cannot replace those that load style sheets
    # and scripts from elsewhere.
    view.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), view.env.loader])


class ResultsTable(ValidationResultsTableContentBlockRenderer):
    """Great Expectations' table of results, with how severe each expectation is and why it exists."""

    @classmethod
    def _process_content_block(cls, content_block: Any, has_failed_evr: bool, render_object: Any = None) -> None:
        super()._process_content_block(content_block, has_failed_evr)
        content_block.header_row = [*content_block.header_row, "Severity", "Why"]

    @classmethod
    def _get_content_block_fn_from_expectation_description(cls, expectation_config: Any) -> None:
        # There are no descriptions, and looking for one would make the expectation again: one whose parameters had no
        # value cannot be made, and would take the whole page with it.
        return None

    @classmethod
    def _get_content_block_fn(cls, expectation_type: str, expectation_config: Any = None) -> Callable[..., Any]:
        rows_of = super()._get_content_block_fn(expectation_type, expectation_config)

        def rows_with_reason(**arguments: Any) -> list[list[Any]]:
            result = arguments["result"]
            meta = result.expectation_config.meta
            if result.exception_info["raised_exception"]:
                said = f"{expectation_type} could not be evaluated: {result.exception_info['exception_message']}"
                rows = [[cls._diagnostic_status_icon_renderer(result=result), escape(said), "--"]]
            else:
                rows = rows_of(**arguments)
            return [[*row, meta["severity"], escape(meta["why"])] for row in rows]

        return rows_with_reason


class Page(DefaultJinjaPageView):
    """A page of validation results, or of a suite."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        _offline_first(self)


class Index(DefaultJinjaIndexPageView):
    """The index page."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        _offline_first(self)
