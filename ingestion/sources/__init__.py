"""One module a source, found by being here: each offers its `SOURCE`.

A new source is a new file in this folder and no edit anywhere. Code that several sources share belongs one level up.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ingestion.source import Source


@cache
def discover() -> dict[str, Source]:
    """Every source by name, in the order of the names."""
    found: dict[str, Source] = {}
    for module in pkgutil.iter_modules(__path__):
        source: Source = importlib.import_module(f"{__name__}.{module.name}").SOURCE
        found[source.name] = source
    return dict(sorted(found.items()))
