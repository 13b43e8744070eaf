"""One module a source, found by being here: each offers its `SOURCE`.

A new source is a new file in this folder and no edit anywhere. Sources may feed the same raw tables, such as the
canonical ones. Code that several sources share belongs one level up.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from ingestion.source import ConfigurationError, Source


@cache
def discover() -> dict[str, Source]:
    """Every source by name, in the order of the names."""
    found: dict[str, Source] = {}
    for module in pkgutil.iter_modules(__path__):
        source: Source = importlib.import_module(f"{__name__}.{module.name}").SOURCE
        found[source.name] = source
    _check_shared_tables(found.values())
    return dict(sorted(found.items()))


def _check_shared_tables(sources: Iterable[Source]) -> None:
    """A raw table that two sources feed has the same columns in both, or a view over it would lose some."""
    columns: dict[tuple[str, str], tuple[str, ...]] = {}
    for source in sources:
        for table in source.tables:
            known = columns.setdefault((source.schema, table.name), table.columns)
            if known != table.columns:
                raise ConfigurationError(
                    f"The source {source.name} declares other columns for {source.schema}.{table.name} than another "
                    "source does. Take the table from ingestion.canonical, or give the source a schema of its own."
                )
