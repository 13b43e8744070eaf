"""The views of Data Docs whose pages need no network: Great Expectations' own, with this package's templates first.

Only views belong here; which pages there are belongs to data_docs.
"""

from __future__ import annotations

from typing import Any

from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader

from expectations.data_docs import TEMPLATES


def _offline_first(view: Any) -> None:
    # Great Expectations looks into a project's own templates last, so they cannot replace those that load style sheets
    # and scripts from elsewhere.
    view.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), view.env.loader])


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
