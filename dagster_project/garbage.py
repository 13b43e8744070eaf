"""How often Python looks for garbage in the processes of a night.

Dagster, dbt and Great Expectations hold about a million objects as long as they run, and make some thousand new ones
for each node and gate. At Python's own thresholds all of them are looked through again and again: 1.3 of the 6 CPU
seconds of a start.
"""

import gc

_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def collect_seldom() -> None:
    """Collect once for so many new objects; what a node or a gate leaves behind is some ten thousand."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
